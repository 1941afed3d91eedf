import { expect, test } from "vitest";
import { layOut, placeOf, rowsWithin, stepped, touchedBy } from "./grid";

const grid = layOut(10, 340, 100, 20); // three squares of 100 beside each other, four rows

test.each([320, 360, 1280, 2560])("squares fill a width of %i", (width) => {
  const { columns, side, step } = layOut(10_000, width, 100, 8);
  expect(side).toBeGreaterThanOrEqual(100);
  expect((columns - 1) * step + side).toBeCloseTo(width);
});

test("a window narrower than a square still shows one", () => {
  expect(layOut(3, 40, 100, 8)).toMatchObject({ columns: 1, rows: 3, side: 40 });
});

test("nothing to show has no height", () => {
  expect(layOut(0, 340, 100, 20)).toMatchObject({ rows: 0, height: 0 });
});

test("squares stand row by row", () => {
  expect(grid).toMatchObject({ columns: 3, rows: 4, side: 100, step: 120, height: 460 });
  expect(placeOf(grid, 0)).toEqual({ left: 0, top: 0 });
  expect(placeOf(grid, 5)).toEqual({ left: 240, top: 120 });
});

test("only the rows in sight exist, and some to spare", () => {
  const long = layOut(10_000, 340, 100, 20);
  expect(rowsWithin(long, 0, 480)).toEqual([0, 4]);
  expect(rowsWithin(long, 130, 480)).toEqual([1, 6]);
  expect(rowsWithin(long, 130, 480, 2)).toEqual([0, 8]);
  expect(rowsWithin(long, 1e9, 480, 2)).toEqual([3334, 3334]);
});

test("a box touches the squares that it overlaps, and no others", () => {
  const box = (left: number, top: number, right: number, bottom: number) =>
    touchedBy(grid, { left, top, right, bottom });
  expect(box(0, 0, 340, 460)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(box(50, 50, 130, 130)).toEqual([0, 1, 3, 4]);
  expect(box(101, 0, 119, 460)).toEqual([]); // between two columns
  expect(box(0, 101, 340, 119)).toEqual([]); // between two rows
  expect(box(300, 400, 340, 460)).toEqual([]); // where the last row has no more
});

test("the arrows move by one and by one row, and stop at the edges", () => {
  const go = (index: number, key: string) => stepped(grid, index, key, 2);
  expect(go(4, "ArrowLeft")).toBe(3);
  expect(go(0, "ArrowLeft")).toBe(0);
  expect(go(4, "ArrowDown")).toBe(7);
  expect(go(8, "ArrowDown")).toBe(8);
  expect(go(1, "ArrowUp")).toBe(1);
  expect(go(4, "PageDown")).toBe(9);
  expect(go(9, "Home")).toBe(0);
  expect(go(0, "End")).toBe(9);
  expect(go(4, "x")).toBeNull();
  expect(stepped(layOut(0, 340, 100, 20), 0, "End", 2)).toBeNull();
});
