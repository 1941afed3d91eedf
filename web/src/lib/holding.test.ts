import { expect, test } from "vitest";
import { Recording } from "./holding";

/** How many examples a press gives: the one of the press itself, and those of the frames after it. */
function examplesOf(heldFor: number, framesPerSecond: number): number {
  const recording = new Recording(1, 0);
  let examples = 1;
  for (let now = 5; now < heldFor; now += 1000 / framesPerSecond) {
    if (recording.due(now)) examples += 1;
  }
  return examples;
}

test("a click is one example", () => {
  expect(examplesOf(10, 30)).toBe(1);
  expect(examplesOf(120, 60)).toBe(1);
});

test.each([15, 30, 60])("a second of holding gives 10 to 17 at %i frames a second", (rate) => {
  expect(examplesOf(1000, rate)).toBeGreaterThanOrEqual(10);
  expect(examplesOf(1000, rate)).toBeLessThanOrEqual(17);
});

test("every press is a recording of its own", () => {
  expect(new Recording(1, 0).id).not.toBe(new Recording(1, 0).id);
});
