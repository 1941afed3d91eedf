import { expect, test } from "vitest";
import { everything, extend, join, NOTHING, pick, toggle, without } from "./selection";

const order = [50, 40, 30, 20, 10];
const ids = ({ ids }: { ids: ReadonlySet<number> }) => [...ids].toSorted();

test("a click selects one and forgets the others", () => {
  expect(ids(pick(30))).toEqual([30]);
});

test("Ctrl and a click adds one and takes it away again", () => {
  const two = toggle(pick(30), 10);
  expect(ids(two)).toEqual([10, 30]);
  expect(ids(toggle(two, 30))).toEqual([10]);
});

test("Shift and a click selects from the anchor, in either direction, again and again", () => {
  const down = extend(pick(40), order, 20);
  expect(ids(down)).toEqual([20, 30, 40]);
  const up = extend(down, order, 50);
  expect(ids(up)).toEqual([40, 50]);
  expect(up).toMatchObject({ anchor: 40, cursor: 50 });
});

test("Shift without an anchor, or with one that is gone, selects one", () => {
  expect(ids(extend(NOTHING, order, 30))).toEqual([30]);
  expect(ids(extend(pick(99), order, 30))).toEqual([30]);
});

test("a rubber band adds to what was selected before", () => {
  expect(ids(join(pick(50), [20, 10]))).toEqual([10, 20, 50]);
});

test("all of a list, and of an empty one", () => {
  expect(ids(everything(order))).toEqual([10, 20, 30, 40, 50]);
  expect(everything([])).toEqual(NOTHING);
});

test("what is gone is no longer selected", () => {
  const all = everything(order);
  const left = without(all, (id) => id !== 50);
  expect(ids(left)).toEqual([10, 20, 30, 40]);
  expect(left).toMatchObject({ anchor: null, cursor: 10 });
  expect(without(left, (id) => id !== 50)).toBe(left);
});
