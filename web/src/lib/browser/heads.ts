/** How each head decides; the TypeScript side of ``heads/{neighbors,means,ridge}.py``. */

import { KernelRidge } from "./kernel";
import type { Knowledge } from "./knowledge";
import { product, type Near, type Rows } from "./rows";

/** Probabilities in the order of the classes, and how clearly it belongs to the best of them. */
export interface Decision {
  probabilities: number[];
  familiarity: number;
}

export interface Query {
  unit: Float32Array;
  /** With each of ``rows.alive``. */
  similarities: Float64Array;
  /** The nearest examples. */
  near: Near[];
}

export interface Head {
  decide(query: Query): Decision;
  /** Be told after an example has come. */
  learn(slot: number): void;
  /** Be told before an example goes, or changes its class. */
  forget(slot: number): void;
  /** Settles when nothing is left to be worked out before more can be learnt. */
  readonly ready: Promise<void>;
}

/** The classes in their order, and how many examples each has. */
export interface Classes {
  ids: number[];
  counts: Map<number, number>;
}

type Parameters = Knowledge["head"];

/** The score of a class is row · unit + offset; the height is that of its indicators. */
interface Linear {
  row: Float32Array;
  offset: number;
  height: number;
}

const SMALLEST_DISTANCE = 1e-5;
const FAMILIAR = 5;
/** A solution takes no more examples than this. */
const MOST = 1500;
const AT_ONCE = Promise.resolve();

/** k nearest neighbours. */
export class KNeighbors implements Head {
  readonly ready = AT_ONCE;
  readonly #rows: Rows;
  readonly #classes: Classes;
  readonly #parameters: Parameters;
  /** Of all examples; null after a change. */
  #mean: Float32Array | null = null;

  constructor(rows: Rows, classes: Classes, parameters: Parameters) {
    this.#rows = rows;
    this.#classes = classes;
    this.#parameters = parameters;
  }

  learn(): void {
    this.#mean = null;
  }

  forget(): void {
    this.#mean = null;
  }

  decide({ unit, similarities, near }: Query): Decision {
    const { weights, balanced } = this.#parameters;
    const votes = new Map<number, number>();
    for (const { slot, similarity } of near) {
      const classId = this.#rows.classOf(slot);
      let weight = balanced ? 1 / Math.sqrt(this.#classes.counts.get(classId) ?? 1) : 1;
      if (weights === "distance") weight /= Math.max(1 - similarity, SMALLEST_DISTANCE);
      votes.set(classId, (votes.get(classId) ?? 0) + weight);
    }
    const total = sum([...votes.values()]);
    const probabilities = this.#classes.ids.map((id) => (votes.get(id) ?? 0) / total);
    const best = this.#classes.ids[argmax(probabilities)] ?? -1;
    return { probabilities, familiarity: this.#familiarity(best, unit, similarities) };
  }

  /** The mean cosine with the class's nearest, seen from the mean of all examples. */
  #familiarity(classId: number, unit: Float32Array, similarities: Float64Array): number {
    const rows = this.#rows;
    const mine = rows.alive
      .map((slot, place) => ({ slot, similarity: similarities[place]! }))
      .filter(({ slot }) => rows.classOf(slot) === classId)
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, FAMILIAR);
    const mean = (this.#mean ??= meanOf(rows.alive.map((slot) => rows.vector(slot)), rows.dimension));
    const seen = unit.map((value, i) => value - mean[i]!);
    return sum(mine.map(({ slot }) => cosine(rows.vector(slot).map((value, i) => value - mean[i]!), seen))) / mine.length;
  }
}

/** The most similar class mean, seen from the mean of these means. */
export class ClassMeans implements Head {
  readonly ready = AT_ONCE;
  readonly #rows: Rows;
  readonly #classes: Classes;
  readonly #temperature: number;
  #means: (Float32Array | null)[] | null = null;
  #centre = new Float32Array();

  constructor(rows: Rows, classes: Classes, { temperature }: Parameters) {
    this.#rows = rows;
    this.#classes = classes;
    this.#temperature = temperature;
  }

  learn(): void {
    this.#means = null;
  }

  forget(): void {
    this.#means = null;
  }

  decide({ unit }: Query): Decision {
    const means = this.#fitted();
    const seen = unit.map((value, i) => value - this.#centre[i]!);
    const scores = means.map((mean) => (mean ? cosine(mean, seen) : -Infinity));
    return { probabilities: softmax(scores, this.#temperature), familiarity: Math.max(...scores) };
  }

  #fitted(): (Float32Array | null)[] {
    if (this.#means) return this.#means;
    const { dimension, alive } = this.#rows;
    const means = this.#classes.ids.map((id) => {
      const mine = alive.filter((slot) => this.#rows.classOf(slot) === id);
      return mine.length > 0 ? meanOf(mine.map((slot) => this.#rows.vector(slot)), dimension) : null;
    });
    this.#centre = meanOf(means.filter((mean) => mean !== null), dimension);
    this.#means = means.map((mean) => mean?.map((value, i) => value - this.#centre[i]!) ?? null);
    return this.#means;
  }
}

/** Kernel ridge regression; see ``heads/ridge.py`` for targets and offsets. */
export class Ridge implements Head {
  readonly ready: Promise<void>;
  readonly #rows: Rows;
  readonly #classes: Classes;
  readonly #temperature: number;
  readonly #solution: KernelRidge;
  /** By class; null after a change. */
  #linear: Map<number, Linear> | null;
  #solved = false;

  constructor(rows: Rows, classes: Classes, knowledge: Knowledge) {
    const { temperature, penalty, chosen } = knowledge.head;
    const { dimension } = rows;
    this.#rows = rows;
    this.#classes = classes;
    this.#temperature = temperature;
    this.#solution = new KernelRidge(rows, penalty);
    const rowOf = (place: number) => knowledge.linear.subarray(place * dimension, (place + 1) * dimension);
    const taught = knowledge.offsets.filter((offset) => offset > 0).length;
    this.#linear = new Map(
      classes.ids.map((id, place) => {
        const offset = knowledge.offsets[place] ?? 0;
        return [id, { row: rowOf(place), offset, height: offset * taught }];
      }),
    );
    this.ready = this.#solution
      .build(chosen.flatMap((id) => rows.slotOf(id) ?? []))
      .then(() => void (this.#solved = true));
  }

  learn(slot: number): void {
    if (this.#solution.members.length >= MOST) this.#solution.remove(this.#oldestOfMost());
    this.#solution.add(slot);
    this.#linear = null;
  }

  forget(slot: number): void {
    this.#solution.remove(slot);
    this.#linear = null;
  }

  decide({ unit, similarities }: Query): Decision {
    const linear = (this.#linear ??= this.#fit());
    const scores = this.#classes.ids.map((id) => {
      const own = linear.get(id);
      return own && this.#classes.counts.get(id) ? product(own.row, 0, unit) + own.offset : -Infinity;
    });
    const shares = this.#classes.ids.map((id, place) => scores[place]! / (linear.get(id)?.height || 1));
    const [first = 0, second = first] = shares.filter(Number.isFinite).sort((a, b) => b - a);
    // Until the solution is there, everything counts as familiar.
    const variance = this.#solved ? this.#solution.variance(this.#kernel(similarities)) : -1;
    return { probabilities: softmax(scores, this.#temperature), familiarity: 2 * (first - second) - 3 * variance };
  }

  #kernel(similarities: Float64Array): Float64Array {
    const places = new Map(this.#rows.alive.map((slot, place) => [slot, place]));
    return Float64Array.from(this.#solution.members, (slot) => similarities[places.get(slot) ?? -1] ?? 0);
  }

  /** Class indicators, smaller for classes with more examples, less their means over the classes. */
  #fit(): Map<number, Linear> {
    const { members } = this.#solution;
    const codes = members.map((slot) => this.#classes.ids.indexOf(this.#rows.classOf(slot)));
    const sizes = this.#classes.ids.map((_, code) => codes.filter((own) => own === code).length);
    const taught = Math.max(sizes.filter((size) => size > 0).length, 1);
    const usual = members.length / taught;
    const heights = sizes.map((size) => (size > 0 ? Math.sqrt(usual / size) : 0));
    return new Map(
      this.#classes.ids.map((id, code) => {
        const offset = heights[code]! / taught;
        const weights = this.#solution.weigh(
          Float64Array.from(codes, (own) => (own === code ? heights[code]! : 0) - offset),
        );
        const row = new Float64Array(this.#rows.dimension);
        members.forEach((slot, place) => addTo(row, this.#rows.vector(slot), weights[place]!));
        return [id, { row: Float32Array.from(row), offset, height: heights[code]! }];
      }),
    );
  }

  /** The member that makes room for another one: the oldest of the class with the most. */
  #oldestOfMost(): number {
    const { members } = this.#solution;
    const classes = members.map((slot) => this.#rows.classOf(slot));
    const sizes = this.#classes.ids.map((id) => classes.filter((own) => own === id).length);
    const most = this.#classes.ids[argmax(sizes)];
    return Math.min(...members.filter((_, place) => classes[place] === most));
  }
}

export function makeHead(rows: Rows, classes: Classes, knowledge: Knowledge): Head {
  if (knowledge.head.name === "ridge") return new Ridge(rows, classes, knowledge);
  const Kind = knowledge.head.name === "means" ? ClassMeans : KNeighbors;
  return new Kind(rows, classes, knowledge.head);
}

export function argmax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

function softmax(scores: readonly number[], temperature: number): number[] {
  const most = Math.max(...scores);
  const weights = scores.map((score) => Math.exp((score - most) / temperature));
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function meanOf(vectors: readonly Float32Array[], dimension: number): Float32Array<ArrayBuffer> {
  const total = new Float64Array(dimension);
  for (const vector of vectors) addTo(total, vector, 1);
  return Float32Array.from(total, (value) => value / Math.max(vectors.length, 1));
}

function addTo(total: Float64Array, vector: Float32Array, weight: number): void {
  for (let i = 0; i < total.length; i++) total[i]! += weight * vector[i]!;
}

function cosine(a: Float32Array, b: Float32Array): number {
  const lengths = Math.sqrt(product(a, 0, a) * product(b, 0, b));
  return product(a, 0, b) / Math.max(lengths, SMALLEST_DISTANCE);
}
