/** Kernel ridge regression, one example at a time; the TypeScript side of ``heads/kernel.py``. */

import type { Rows } from "./rows";

/** While the first solution is made, others get their turn this often. */
const SLICE_MS = 8;

/** The inverse of kernel + penalty · identity over its members, from which all answers follow. */
export class KernelRidge {
  readonly members: number[] = [];
  readonly #rows: Rows;
  readonly #penalty: number;
  /** [room, room], of which the first ``members.length`` rows and columns are used. */
  #inverse = new Float64Array();
  #room = 0;

  constructor(rows: Rows, penalty: number) {
    this.#rows = rows;
    this.#penalty = penalty;
  }

  /** Take in many, in small slices of time. */
  async build(slots: readonly number[]): Promise<void> {
    this.#reserve(slots.length);
    let resumed = performance.now();
    for (const slot of slots) {
      this.add(slot);
      if (performance.now() - resumed < SLICE_MS) continue;
      await new Promise((resolve) => setTimeout(resolve));
      resumed = performance.now();
    }
  }

  /** Take in one more at a cost of O(n · d + n²): the inverse of a matrix with one row more. */
  add(slot: number): void {
    const n = this.members.length;
    if (n === this.#room) this.#reserve(Math.max(2 * n, 64));
    const [inverse, room] = [this.#inverse, this.#room];
    const point = this.#rows.vector(slot);
    const kernel = Float64Array.from(this.members, (member) => this.#rows.dot(member, point));
    const weights = this.weigh(kernel);
    let gain = this.#rows.dot(slot, point) + this.#penalty;
    for (let i = 0; i < n; i++) gain -= kernel[i]! * weights[i]!;
    for (let i = 0; i < n; i++) {
      const share = weights[i]! / gain;
      for (let j = 0, at = i * room; j < n; j++, at++) inverse[at]! += share * weights[j]!;
      inverse[i * room + n] = inverse[n * room + i] = -share;
    }
    inverse[n * room + n] = 1 / gain;
    this.members.push(slot);
  }

  /** Take one out, at a cost of O(n²); the last member takes its place. */
  remove(slot: number): void {
    const place = this.members.indexOf(slot);
    if (place < 0) return;
    const [inverse, room, last] = [this.#inverse, this.#room, this.members.length - 1];
    this.#swap(place, last);
    const corner = inverse[last * room + last]!;
    for (let i = 0; i < last; i++) {
      const share = inverse[i * room + last]! / corner;
      for (let j = 0; j < last; j++) inverse[i * room + j]! -= share * inverse[last * room + j]!;
    }
    this.members.pop();
  }

  /** inverse · values, [n]. */
  weigh(values: Float64Array): Float64Array {
    const [inverse, room, n] = [this.#inverse, this.#room, this.members.length];
    const found = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      let total = 0;
      for (let j = 0, at = i * room; j < n; j++, at++) total += inverse[at]! * values[j]!;
      found[i] = total;
    }
    return found;
  }

  /** How unlike the members a unit vector is, 0 to 1, by its products with them, [n]. */
  variance(kernel: Float64Array): number {
    const weights = this.weigh(kernel);
    return kernel.reduce((rest, value, i) => rest - value * weights[i]!, 1);
  }

  #swap(a: number, b: number): void {
    if (a === b) return;
    const [inverse, room, n] = [this.#inverse, this.#room, this.members.length];
    for (let i = 0; i < n; i++) {
      const [one, other] = [a * room + i, b * room + i];
      [inverse[one], inverse[other]] = [inverse[other]!, inverse[one]!];
    }
    for (let i = 0; i < n; i++) {
      const [one, other] = [i * room + a, i * room + b];
      [inverse[one], inverse[other]] = [inverse[other]!, inverse[one]!];
    }
    [this.members[a], this.members[b]] = [this.members[b]!, this.members[a]!];
  }

  #reserve(room: number): void {
    if (room <= this.#room) return;
    const grown = new Float64Array(room * room);
    for (let i = 0; i < this.members.length; i++) {
      grown.set(this.#inverse.subarray(i * this.#room, i * this.#room + this.members.length), i * room);
    }
    this.#inverse = grown;
    this.#room = room;
  }
}
