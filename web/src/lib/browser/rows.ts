/** The embeddings of all examples; the TypeScript version of ``heads/embedding_matrix.py`` and of the ties in ``heads/neighbors.py``. */

import { head as HEAD } from "../../../../src/classify_anything/constants.json";

const FIRST_CAPACITY = 64;

type Numbers = Float32Array | Float64Array;

export interface Neighbor {
  slot: number;
  similarity: number;
}

/** Deleted examples keep their slots, because undo may restore them. */
export class Rows {
  readonly dimension: number;
  classes: number[] = [];
  /** The slots of present examples, oldest first. */
  alive: number[] = [];
  /** Number of slots, including those of deleted examples. */
  count = 0;
  /** The embeddings of views, [8, dimension], by example id; deleted examples included. */
  readonly views = new Map<number, Float32Array>();
  #vectors: Float32Array;
  readonly #sizes = new Map<number, number>();
  readonly #slots = new Map<number, number>();
  readonly #ids: number[] = [];
  readonly #classOf: (number | null)[] = [];
  readonly #recordings: number[] = [];

  constructor(dimension: number) {
    this.dimension = dimension;
    this.#vectors = new Float32Array(FIRST_CAPACITY * dimension);
  }

  idOf(slot: number): number {
    return this.#ids[slot] ?? -1;
  }

  classOf(slot: number): number {
    return this.#classOf[slot] ?? -1;
  }

  recordingOf(slot: number): number {
    return this.#recordings[slot] ?? -1;
  }

  slotOf(id: number): number | undefined {
    return this.#slots.get(id);
  }

  size(classId: number): number {
    return this.#sizes.get(classId) ?? 0;
  }

  vector(slot: number): Float32Array {
    return this.#vectors.subarray(slot * this.dimension, (slot + 1) * this.dimension);
  }

  /** Add an example, or change its class; the vector is required the first time. */
  put(id: number, classId: number, recordingId: number, vector?: Float32Array): number {
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      if (!vector) throw new Error(`Example ${id} has no embedding.`);
      slot = this.count++;
      this.#reserve(this.count);
      this.#vectors.set(vector, slot * this.dimension);
      this.#slots.set(id, slot);
      this.#ids[slot] = id;
    }
    this.drop([id]);
    this.#classOf[slot] = classId;
    this.#recordings[slot] = recordingId;
    this.#sizes.set(classId, this.size(classId) + 1);
    const last = this.alive.at(-1);
    this.alive.push(slot);
    if (last !== undefined && this.idOf(last) > id) this.alive.sort((a, b) => this.idOf(a) - this.idOf(b));
    return slot;
  }

  drop(ids: readonly number[]): void {
    const gone = new Set(ids.flatMap((id) => this.#slots.get(id) ?? []).filter((slot) => this.#classOf[slot] != null));
    if (gone.size === 0) return;
    for (const slot of gone) {
      this.#sizes.set(this.classOf(slot), this.size(this.classOf(slot)) - 1);
      this.#classOf[slot] = null;
    }
    this.alive = this.alive.filter((slot) => !gone.has(slot));
  }

  /** Return the scalar products with all present examples, in the order of ``alive``. */
  products(vector: Numbers): Float64Array {
    return Float64Array.from(this.alive, (slot) => product(this.#vectors, slot * this.dimension, vector));
  }

  /** Return the nearest of all examples, or of one class; ties go by class order, then by age. */
  best(similarities: Float64Array, count: number, classId?: number): Neighbor[] {
    const { alive } = this;
    const mine = (place: number) => classId === undefined || this.classOf(alive[place]!) === classId;
    const wanted = Math.min(count, classId === undefined ? alive.length : this.size(classId));
    const last = similarities.filter((_, place) => mine(place)).sort().at(-wanted);
    if (wanted <= 0 || last === undefined) return [];
    const near: Neighbor[] = [];
    similarities.forEach((similarity, place) => {
      if (similarity >= last - HEAD.tie && mine(place)) near.push({ slot: alive[place]!, similarity });
    });
    near.sort((a, b) => b.similarity - a.similarity);
    let step = 0;
    return near
      .map((one, place) => {
        if (place > 0 && near[place - 1]!.similarity - one.similarity > HEAD.tie) step++;
        return { ...one, step, rank: this.classes.indexOf(this.classOf(one.slot)) };
      })
      .sort((a, b) => a.step - b.step || a.rank - b.rank || this.idOf(a.slot) - this.idOf(b.slot))
      .slice(0, wanted);
  }

  #reserve(count: number): void {
    if (count * this.dimension <= this.#vectors.length) return;
    const grown = new Float32Array(Math.max(count, (2 * this.#vectors.length) / this.dimension) * this.dimension);
    grown.set(this.#vectors);
    this.#vectors = grown;
  }
}

/** Return the scalar product of ``a``, from ``start`` on, with ``b``. Four sums are twice as fast as one. */
export function product(a: Numbers | number[], start: number, b: Numbers | number[]): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const even = b.length - (b.length % 4);
  for (let i = 0; i < even; i += 4) {
    s0 += a[start + i]! * b[i]!;
    s1 += a[start + i + 1]! * b[i + 1]!;
    s2 += a[start + i + 2]! * b[i + 2]!;
    s3 += a[start + i + 3]! * b[i + 3]!;
  }
  for (let i = even; i < b.length; i++) s0 += a[start + i]! * b[i]!;
  return s0 + s1 + s2 + s3;
}
