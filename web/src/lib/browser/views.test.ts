/** Against ``golden/views.json``, which ``tests/golden.py`` wrote with Pillow. */

import { expect, test } from "vitest";
import golden from "./golden/views.json";
import { probePicture } from "./probe";
import { roundToFloat16, makeViews, examplesForViews } from "./views";

const SIZE = 12;

test.each(Object.entries(golden))("the views that %s chooses are those that Python makes", (sha256, expected) => {
  const views = makeViews(probePicture(SIZE), SIZE, sha256);
  expect(views.flatMap((view) => [...view])).toEqual([...Buffer.from(expected, "base64")]);
});

test("numbers are rounded as a float16", () => {
  expect([1 / 3, -0.05, 0.0625].map(roundToFloat16)).toEqual([0.333251953125, -0.04998779296875, 0.0625]);
});

test("some examples of each recording have views, of many recordings none", () => {
  const burst = (first: number, count: number, classId: number, recordingId: number) =>
    Array.from({ length: count }, (_, i) => ({ id: first + i, classId, recordingId }));
  expect(examplesForViews([...burst(1, 10, 1, 1), ...burst(11, 2, 1, 2), ...burst(21, 1, 2, 2)])).toEqual([1, 5, 9, 11, 21]);
  const singles = Array.from({ length: 26 }, (_, id) => ({ id, classId: 1, recordingId: id }));
  expect(examplesForViews(singles)).toEqual([]);
  expect(examplesForViews(singles.slice(1))).toEqual(singles.slice(1, 21).map(({ id }) => id));
});
