import { expect, test } from "vitest";
import { addressOf, parseAddress } from "./address";

test("an address is read as it was written", () => {
  const address = addressOf("examples", { class: 3, source: "a & b", recording: null });
  const { view, query } = parseAddress(address);
  expect(view).toBe("examples");
  expect([...query]).toEqual([
    ["class", "3"],
    ["source", "a & b"],
  ]);
});

test.each(["", "#", "#/", "#/live", "#/nowhere", "#nonsense?x"])("%j shows the camera", (hash) => {
  expect(parseAddress(hash).view).toBe("live");
});

test("a view without a query has a short address", () => {
  expect(addressOf("examples")).toBe("#/examples");
});
