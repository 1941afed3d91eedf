/** The user's smoothing in this browser, in milliseconds. */

import { recall, remember } from "../page/memory";
import { MOST_SMOOTHING_MS } from "./smoothing";

const NAME = "smoothing";

/** Null if not set. */
export function keptSmoothing(): number | null {
  const kept = recall(NAME);
  const value = Number(kept ?? NaN);
  return value >= 0 && value <= MOST_SMOOTHING_MS ? value : null;
}

export function keepSmoothing(constant: number): void {
  remember(NAME, String(constant));
}
