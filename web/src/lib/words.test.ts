import { expect, test } from "vitest";
import { duration, examples, sourceName } from "./words";

test("numbers are read with their thousands", () => {
  expect(examples(1)).toBe("1 example");
  expect(examples(10_000)).toBe("10,000 examples");
});

test("durations are minutes and seconds", () => {
  expect([0, 7.5, 59.96, 65, 3600].map(duration)).toEqual(["0:00", "0:07.5", "1:00", "1:05", "60:00"]);
});

test("a source that the page does not know is called as it calls itself", () => {
  expect(sourceName("camera")).toBe("Camera");
  expect(sourceName("robot arm")).toBe("robot arm");
});
