/** Steady answers: a running mean of the probabilities. */

import { smoothing as SMOOTHING } from "../../../../src/classify_anything/constants.json";
import type { PredictionInfo } from "../server/types";

/** "None of these", where classes have their ids. */
const NONE = -1;
/** After a longer pause, forget the past. */
const FORGET_MS = 1000;

/** An answer that lasts this share of the time constant is not flicker, however unsure it is. */
const STANDS = 0.8;

/** Two wrong frames out of thirty do not show; a change shows within 150 ms (tested). */
export const USUAL_SMOOTHING_MS = SMOOTHING.default_ms;
export const MOST_SMOOTHING_MS = SMOOTHING.max_ms;

/** Exponential smoothing of the probabilities, with a time constant in milliseconds; 0 is none. */
export class Smoother {
  constant: number;
  #shares = new Map<number, number>();
  #since = -Infinity;
  /** The current answer, and since when it has not changed. */
  #said: number | null | undefined;
  #saidSince = 0;

  constructor(constant: number) {
    this.constant = constant;
  }

  /** The answer to show, of the newest one and the time it came. */
  next(newest: PredictionInfo, now: number): PredictionInfo {
    const passed = now - this.#since;
    this.#since = now;
    const fresh = sharesOf(newest);
    if (newest.class_id !== this.#said) [this.#said, this.#saidSince] = [newest.class_id, now];
    if (this.constant === 0 || passed > FORGET_MS || this.#shares.size === 0 || fresh.size === 0) {
      this.#shares = fresh;
      return newest;
    }
    const pull = 1 - Math.exp(-passed / this.constant);
    const before = this.#shares;
    this.#shares = new Map(
      [...fresh].map(([id, share]) => {
        const old = before.get(id) ?? 0;
        return [id, old + pull * (share - old)];
      }),
    );
    const shown = this.#shown(newest);
    if (shown.class_id === newest.class_id || now - this.#saidSince < STANDS * this.constant) return shown;
    this.#shares = fresh;
    return newest;
  }

  #shown(newest: PredictionInfo): PredictionInfo {
    const classes = [...this.#shares].filter(([id]) => id !== NONE).sort(([, one], [, other]) => other - one);
    const some = classes.reduce((sum, [, share]) => sum + share, 0);
    const probabilities = Object.fromEntries(classes.map(([id, share]) => [id, share / (some || 1)])) as Record<string, number>;
    const [best] = classes[0] ?? [];
    if (best === undefined || (this.#shares.get(NONE) ?? 0) > some) {
      return { ...newest, class_id: null, label: null, probability: 0, probabilities };
    }
    const label = best === newest.class_id ? newest.label : null;
    return { ...newest, class_id: best, label, probability: probabilities[best] ?? 0, probabilities };
  }
}

function sharesOf({ class_id, probabilities }: PredictionInfo): Map<number, number> {
  if (Object.keys(probabilities).length === 0) return new Map();
  const shares = Object.entries(probabilities).map(([id, share]): [number, number] => [
    Number(id),
    class_id === null ? 0 : share,
  ]);
  return new Map([...shares, [NONE, class_id === null ? 1 : 0]]);
}
