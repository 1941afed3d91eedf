import { expect, test } from "vitest";

import { ApiError } from "../server/errors";
import { withRetries } from "./retry";

function silentFor(times: number, then: () => string): () => Promise<string> {
  let asked = 0;
  return async () => {
    if (asked++ < times) throw new ApiError("unreachable", "No answer.");
    return then();
  };
}

test("silence is waited out", async () => {
  let waited = 0;
  const answer = await withRetries(silentFor(2, () => "yes"), { tries: 3, waiting: () => (waited += 1) });
  expect([answer, waited]).toEqual(["yes", 2]);
});

test("silence that lasts is an error", async () => {
  await expect(withRetries(silentFor(2, () => "yes"), { tries: 2 })).rejects.toThrow("No answer.");
});

test("a no is final", async () => {
  const no = silentFor(0, () => {
    throw new ApiError("conflict", "No.");
  });
  await expect(withRetries(no, { tries: 9 })).rejects.toThrow("No.");
});

test("who cancels waits no longer", async () => {
  const abort = new AbortController();
  const asked = withRetries(silentFor(9, () => "yes"), { tries: 9, signal: abort.signal, waiting: () => abort.abort() });
  await expect(asked).rejects.toThrow(/abort/);
});
