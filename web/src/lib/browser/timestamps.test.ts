import { expect, test } from "vitest";
import { fromIso, toIso } from "./timestamps";

test("a moment comes back as it was, to the microsecond", () => {
  for (const moment of [0, 1, 999_999, 1_795_512_600_123_456, 1_795_512_600_999_999]) {
    expect(fromIso(toIso(moment))).toBe(moment);
  }
});

test("moments are read as the program writes them, in any zone", () => {
  const moment = 1_795_512_600_123_456;
  expect(fromIso("2026-11-24T09:30:00.123456+00:00")).toBe(moment);
  expect(fromIso("2026-11-24 09:30:00.123456")).toBe(moment);
  expect(fromIso("2026-11-24T10:30:00.123456+01:00")).toBe(moment);
  expect(fromIso("2026-11-24T09:30:00Z")).toBe(moment - 123_456);
});

test("what is no moment is none", () => {
  for (const text of ["", "yesterday", "2026-13-40T00:00:00Z"]) expect(fromIso(text)).toBeUndefined();
});
