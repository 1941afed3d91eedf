/** Examples as unit vectors; the TypeScript side of ``heads/rows.py`` and ``heads/memory.py``. */

/** Similarities that differ by less are the same number: then class order decides, then age. */
const TIE = 1e-6;
const FIRST_CAPACITY = 64;

export interface Near {
  slot: number;
  similarity: number;
}

/** Vectors stay where they are when an example is forgotten: it may come back by undo. */
export class Rows {
  readonly dimension: number;
  /** The places of the examples there are, oldest first. */
  alive: number[] = [];
  #vectors: Float32Array;
  #count = 0;
  readonly #slots = new Map<number, number>();
  readonly #ids: number[] = [];
  readonly #classes: number[] = [];

  constructor(dimension: number) {
    this.dimension = dimension;
    this.#vectors = new Float32Array(FIRST_CAPACITY * dimension);
  }

  idOf(slot: number): number {
    return this.#ids[slot] ?? -1;
  }

  classOf(slot: number): number {
    return this.#classes[slot] ?? -1;
  }

  slotOf(id: number): number | undefined {
    return this.#slots.get(id);
  }

  vector(slot: number): Float32Array {
    return this.#vectors.subarray(slot * this.dimension, (slot + 1) * this.dimension);
  }

  /** Learn an example, or give a known one its class; without a vector it must have been here before. */
  put(id: number, classId: number, vector?: Float32Array): number {
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      if (!vector) throw new Error(`Nothing is known of example ${id}.`);
      slot = this.#count++;
      this.#reserve(this.#count);
      this.#vectors.set(vector, slot * this.dimension);
      this.#slots.set(id, slot);
      this.#ids[slot] = id;
    }
    this.#classes[slot] = classId;
    if (!this.alive.includes(slot)) this.alive.push(slot);
    const last = this.alive.at(-2);
    if (last !== undefined && this.idOf(last) > id) this.alive.sort((a, b) => this.idOf(a) - this.idOf(b));
    return slot;
  }

  drop(ids: Iterable<number>): void {
    const gone = new Set(Array.from(ids, (id) => this.#slots.get(id)));
    this.alive = this.alive.filter((slot) => !gone.has(slot));
  }

  /** With each example there is, in the order of ``alive``. */
  similarities(unit: Float32Array): Float64Array {
    const found = new Float64Array(this.alive.length);
    for (let place = 0; place < found.length; place++) found[place] = this.dot(this.alive[place]!, unit);
    return found;
  }

  dot(slot: number, unit: Float32Array): number {
    return product(this.#vectors, slot * this.dimension, unit);
  }

  /** The nearest, nearest first; ``rank`` is the place of a class in their order. */
  best(similarities: Float64Array, count: number, rank: (classId: number) => number): Near[] {
    const wanted = Math.min(count, similarities.length);
    if (wanted <= 0) return [];
    const last = similarities.toSorted()[similarities.length - wanted] ?? 0;
    const near: Near[] = [];
    similarities.forEach((similarity, place) => {
      if (similarity >= last - TIE) near.push({ slot: this.alive[place] ?? -1, similarity });
    });
    near.sort((a, b) => b.similarity - a.similarity);
    let step = 0;
    const steps = near.map(({ similarity }, place) => {
      if (place > 0 && near[place - 1]!.similarity - similarity > TIE) step++;
      return step;
    });
    return near
      .map((one, place) => ({ ...one, step: steps[place]!, rank: rank(this.classOf(one.slot)) }))
      .sort((a, b) => a.step - b.step || a.rank - b.rank || this.idOf(a.slot) - this.idOf(b.slot))
      .slice(0, wanted)
      .map(({ slot, similarity }) => ({ slot, similarity }));
  }

  #reserve(count: number): void {
    if (count * this.dimension <= this.#vectors.length) return;
    const grown = new Float32Array(Math.max(count, (2 * this.#vectors.length) / this.dimension) * this.dimension);
    grown.set(this.#vectors);
    this.#vectors = grown;
  }
}

/** The scalar product of ``a`` from ``start`` on with ``b``; four sums at a time are twice as quick. */
export function product(a: Float32Array, start: number, b: Float32Array): number {
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
