import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { countDown } from "./countdown";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("it counts 3, 2, 1 and then it is time", () => {
  const told: number[] = [];
  countDown(3, (left) => told.push(left));
  expect(told).toEqual([3]);
  vi.advanceTimersByTime(2000);
  expect(told).toEqual([3, 2, 1]);
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([3, 2, 1, 0]);
});

test("without a delay it is time at once", () => {
  const told: number[] = [];
  countDown(0, (left) => told.push(left));
  expect(told).toEqual([0]);
});

test("a countdown that is stopped tells nothing more", () => {
  const told: number[] = [];
  const stop = countDown(3, (left) => told.push(left));
  vi.advanceTimersByTime(1000);
  stop();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([3, 2]);
});
