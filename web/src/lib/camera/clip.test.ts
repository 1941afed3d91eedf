import { expect, test } from "vitest";
import { timesOf } from "./clip";

test("frames have even times, from the start, before the end", () => {
  expect(timesOf({ start: 0, end: 2, rate: 2 })).toEqual([0, 0.5, 1, 1.5]);
  expect(timesOf({ start: 3, end: 4.2, rate: 1 })).toEqual([3, 4]);
});

test("a part that is not a whole number of frames in floats is one in fact", () => {
  expect(timesOf({ start: 0.1, end: 0.4, rate: 10 })).toHaveLength(3);
});

test("however short the part, it has one frame", () => {
  expect(timesOf({ start: 1.5, end: 1.5, rate: 10 })).toEqual([1.5]);
});
