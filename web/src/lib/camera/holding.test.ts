import { expect, test } from "vitest";
import { Recording, USUAL_RATE } from "./holding";

/** How many examples a press gives: the one of the press itself, and those of the frames after it. */
function examplesOf(heldFor: number, framesPerSecond: number, rate = USUAL_RATE): number {
  const recording = new Recording(1, 0, rate);
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

test.each([15, 30, 60])("a second of holding gives 10 to 17 at %i frames a second", (framesPerSecond) => {
  expect(examplesOf(1000, framesPerSecond)).toBeGreaterThanOrEqual(10);
  expect(examplesOf(1000, framesPerSecond)).toBeLessThanOrEqual(17);
});

test.each([1, 2, 5, 10, 12, 20])("%i pictures per second give ten times as many in ten seconds", (rate) => {
  expect(Math.abs(examplesOf(10_000, 30, rate) - 10 * rate)).toBeLessThanOrEqual(rate / 5 + 1);
});

test("as fast as it goes is every frame", () => {
  expect(examplesOf(10_000, 30, 30)).toBeGreaterThan(290);
  expect(examplesOf(10_000, 60, 30)).toBeGreaterThan(580);
});

test("every press is a recording of its own", () => {
  expect(new Recording(1, 0).id).not.toBe(new Recording(1, 0).id);
});
