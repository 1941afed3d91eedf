/** Asks again when the server does not answer. */

import { ApiError } from "../server/errors";

const PAUSE_MS = 500;

export interface Patience {
  /** How often it is asked in all. */
  tries: number;
  signal?: AbortSignal;
  /** Is told before it is asked again. */
  waiting?: () => void;
}

/** What it answers is final, also that it cannot; only silence is not. */
export async function patiently<T>(ask: () => Promise<T>, { tries, signal, waiting }: Patience): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await ask();
    } catch (error) {
      const silent = error instanceof ApiError && error.code === "unreachable";
      if (!silent || tried === tries) throw error;
    }
    waiting?.();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    signal?.throwIfAborted();
  }
}
