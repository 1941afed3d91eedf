import { expect, test } from "vitest";
import { obstacle, problemOf } from "./problems";

test.each([
  ["NotAllowedError", "denied"],
  ["NotFoundError", "none"],
  ["OverconstrainedError", "none"],
  ["NotReadableError", "busy"],
  ["AbortError", "busy"],
  ["TypeError", "unknown"],
])("%s of getUserMedia means: %s", (name, kind) => {
  expect(problemOf(new DOMException("", name)).kind).toBe(kind);
});

test("an address without a camera differs from a browser without one", () => {
  const page = (isSecureContext: boolean, mediaDevices?: object, rest?: object) =>
    ({ isSecureContext, navigator: { mediaDevices }, ...rest }) as unknown as Window;
  const media = { getUserMedia: () => undefined };
  expect(obstacle(page(false))?.kind).toBe("insecure");
  expect(obstacle(page(true))?.kind).toBe("unsupported");
  expect(obstacle(page(true, media))?.kind).toBe("unsupported");
  expect(obstacle(page(true, media, { OffscreenCanvas: class {} }))).toBeNull();
});
