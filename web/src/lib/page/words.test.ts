import { expect, test } from "vitest";
import { duration, endOf, examples, milliseconds, percent, size, sourceName, splitAt } from "./words";

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

test("a number is not parted from its unit, and a short time is not nothing", () => {
  expect([percent(0.925), milliseconds(12.4), milliseconds(3.21), milliseconds(0.034), size(900), size(2_500_000)]).toEqual([
    "93\u00a0%",
    "12\u00a0ms",
    "3.2\u00a0ms",
    "0.03\u00a0ms",
    "900\u00a0B",
    "2.5\u00a0MB",
  ]);
});

test("the end of a name is what tells it from its like", () => {
  expect(["Class number 12", "IMG00042", "Blue cup", "Cup", "42", "Donaudampfschifffahrt", "كوب القهوة"].map(endOf)).toEqual([
    " 12",
    "00042",
    " cup",
    "",
    "",
    "",
    " القهوة",
  ]);
});

test("a text is split at the names in it", () => {
  expect(splitAt("Cup and Mug are confused.", ["Cup", "Mug"])).toEqual(["", "Cup", " and ", "Mug", " are confused."]);
  expect(splitAt("3 examples look mislabelled.", [])).toEqual(["3 examples look mislabelled."]);
  expect(splitAt("Cup is rare.", ["renamed"])).toEqual(["Cup is rare."]);
});
