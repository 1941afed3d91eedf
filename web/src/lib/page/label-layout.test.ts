import { expect, test } from "vitest";
import { placed } from "./label-layout";

test("a text stands beside its point", () => {
  expect(placed([{ x: 100, y: 60, text: "one" }], 24)).toEqual([{ x: 100, y: 60, text: "one", beside: 60, left: false }]);
  expect(placed([{ x: 600, y: 10, text: "one" }], 24)[0]).toMatchObject({ beside: 24, left: true });
});

test("texts of points at one height stand below each other, and cover no point", () => {
  const text = "a network, 100 %, 4.7 ms";
  const found = placed([330, 100, 160, 200].map((x) => ({ x, y: 30, text })), 24);
  expect(found.map(({ beside }) => beside)).toEqual([44, 62, 80, 98]);
});

test("what stands far away is no reason to give way", () => {
  const found = placed([{ x: 60, y: 30, text: "one" }, { x: 300, y: 30, text: "two" }], 24);
  expect(found.map(({ beside }) => beside)).toEqual([30, 48]);
});
