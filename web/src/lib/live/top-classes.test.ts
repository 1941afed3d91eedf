import { expect, test } from "vitest";
import { topClasses } from "./top-classes";

const IDS = [1, 2, 3, 4, 5, 6];

test("at first they are shown in their order", () => {
  expect(topClasses([], IDS, {}, 3)).toEqual([1, 2, 3]);
});

test("the most probable takes the place of the least, and the others stand still", () => {
  expect(topClasses([1, 2, 3], IDS, { 2: 0.1, 5: 0.9 }, 3)).toEqual([5, 2, 3]);
  expect(topClasses([5, 2, 3], IDS, { 3: 0.9, 5: 0.1 }, 3)).toEqual([5, 2, 3]);
});

test("runners-up come too, but not for a flicker", () => {
  expect(topClasses([1, 2, 3], IDS, { 1: 0.5, 4: 0.3, 6: 0.2 }, 3)).toEqual([1, 4, 6]);
  expect(topClasses([1, 2, 3], IDS, { 1: 0.9, 2: 0.05, 3: 0.02, 6: 0.03 }, 3)).toEqual([1, 2, 3]);
});

test("the most probable is shown by however little it leads", () => {
  expect(topClasses([1, 2, 3], IDS, { 1: 0.16, 2: 0.16, 3: 0.16, 4: 0.16, 5: 0.17 }, 3)).toContain(5);
});

test("a class that is deleted makes room, and so does a larger page", () => {
  expect(topClasses([5, 2, 3], [1, 3, 4, 5], {}, 3)).toEqual([5, 3, 1]);
  expect(topClasses([5, 2], IDS, {}, 4)).toEqual([5, 2, 1, 3]);
});

test("a smaller page still shows the most probable", () => {
  expect(topClasses([1, 2, 3], IDS, { 3: 1 }, 1)).toEqual([3]);
});
