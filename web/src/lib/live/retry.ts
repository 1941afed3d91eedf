/** Retry when the server does not answer. */

import { ApiError } from "../server/errors";

const PAUSE_MS = 500;

export interface RetryOptions {
  /** Total number of attempts. */
  tries: number;
  signal?: AbortSignal;
  /** Called before every retry. */
  waiting?: () => void;
}

/** Every answer is final, also an error; only silence is retried. */
export async function withRetries<T>(ask: () => Promise<T>, { tries, signal, waiting }: RetryOptions): Promise<T> {
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
