/** Answers that stand still: each new one only pulls at the one before. */

import type { PredictionInfo } from "./types";

/** "None of these", where classes have their ids. */
const NONE = -1;
/** After a pause longer than this the past says nothing. */
const FORGET_MS = 1000;

export const USUAL_SMOOTHING_MS = 80;
export const MOST_SMOOTHING_MS = 500;

/** Exponential smoothing of the probabilities, with a time constant in milliseconds; 0 is none. */
export class Smoother {
  constant: number;
  #shares = new Map<number, number>();
  #since = -Infinity;

  constructor(constant: number) {
    this.constant = constant;
  }

  /** The answer to show, of the newest one and the time it came. */
  next(newest: PredictionInfo, now: number): PredictionInfo {
    const passed = now - this.#since;
    this.#since = now;
    const fresh = sharesOf(newest);
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
    return this.#shown(newest);
  }

  #shown(newest: PredictionInfo): PredictionInfo {
    const ranked = [...this.#shares].sort(([, one], [, other]) => other - one);
    const [best = NONE, share = 0] = ranked[0] ?? [];
    const total = ranked.reduce((sum, [id, value]) => (id === NONE ? sum : sum + value), 0) || 1;
    const classes = ranked.filter(([id]) => id !== NONE).map(([id, value]) => [id, value / total]);
    const probabilities = Object.fromEntries(classes) as Record<string, number>;
    if (best === NONE) return { ...newest, class_id: null, label: null, probability: 0, probabilities };
    const label = best === newest.class_id ? newest.label : null;
    return { ...newest, class_id: best, label, probability: share, probabilities };
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
