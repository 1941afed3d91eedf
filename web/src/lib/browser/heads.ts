/** How each head decides; the TypeScript side of ``heads/neighbors.py``. */

import { head as HEAD, views as VIEWS } from "../../../../src/classify_anything/constants.json";
import type { Metric, Sample } from "./fitting";
import type { BrowserModel } from "./browser-model";
import { product, type Near, type Rows } from "./rows";
import { wantedViews } from "./views";

/** Probabilities in the order of the classes, how clearly it belongs to the best of them, and why. */
export interface Decision {
  probabilities: number[];
  typicality: number;
  near: Near[];
}

export interface Head {
  /** Settles when nothing is left to be fitted. It decides meanwhile, but not before it settles for the first time. */
  readonly ready: Promise<void>;
  /** With each of ``rows.alive``. */
  similarities(unit: Float32Array): Float64Array;
  decide(unit: Float32Array): Decision;
  /** Follow ``rows``, in which so many examples are new, gone or of another class. */
  follow(changes: number): void;
}

export type Fit = (sample: Sample) => Promise<Metric>;

/** A fit takes no more examples, and contrasts of views: its time grows with their cube, and 480 take a second or two. */
const MOST_FITTED = 480;
/** While vectors are measured, others get their turn this often. */
const SLICE_MS = 8;
const AT_ONCE = Promise.resolve();

/** The mean similarity of each class's nearest examples, in a metric learnt from all of them. */
class Adaptive implements Head {
  ready: Promise<void>;
  readonly #rows: Rows;
  readonly #fit: Fit;
  readonly #count: number;
  /** What it would be with one recording a class. */
  readonly #temperature: number;
  #metric!: Metric;
  #recordings = 1;
  /** Of each vector in the metric, by slot. */
  #lengths: number[] = [];
  #changes = 0;
  #fitting = false;

  constructor(rows: Rows, { head, centre, directions, gains, lengths }: BrowserModel, fit: Fit) {
    this.#rows = rows;
    this.#fit = fit;
    this.#count = head.n_neighbors;
    // It falls with the root of the number of recordings, as in ``heads/fitting.py``.
    this.#temperature = head.temperature * Math.sqrt(recordingsPerClass(rows));
    this.ready = this.#adopt({ centre, directions, gains }, [...lengths]);
  }

  /**
   * The metric maps c = unit - centre to M · c. Of the products (M · c) · (M · x) only the first side
   * is mapped, twice, and each example has its length in the metric: so no mapped vectors are kept.
   */
  similarities(unit: Float32Array): Float64Array {
    const { centre, directions, gains } = this.#metric;
    const { from, parts, length } = measured(this.#metric, unit);
    const seen = from.slice();
    parts.forEach((part, r) => {
      const share = part * ((1 + gains[r]!) ** 2 - 1);
      for (let i = 0, at = r * seen.length; i < seen.length; i++, at++) seen[i]! += share * directions[at]!;
    });
    const offset = product(centre, 0, seen);
    const { alive } = this.#rows;
    return this.#rows.products(seen).map((value, place) => (value - offset) / (length * this.#lengths[alive[place]!]!));
  }

  decide(unit: Float32Array): Decision {
    const { alive, classes } = this.#rows;
    const similarities = this.similarities(unit);
    const highest = new Map<number, number[]>(classes.map((id) => [id, []]));
    similarities.forEach((similarity, place) => {
      const own = highest.get(this.#rows.classOf(alive[place]!));
      if (!own || (own.length === this.#count && similarity <= own[0]!)) return;
      own.push(similarity);
      own.sort((a, b) => a - b);
      if (own.length > this.#count) own.shift();
    });
    const scores = classes.map((id) => (this.#rows.size(id) > 0 ? meanOf(highest.get(id)!) : -Infinity));
    const best = argmax(scores);
    return {
      probabilities: softmax(scores, this.#temperature / Math.sqrt(this.#recordings)),
      typicality: scores[best] ?? -1,
      near: this.#rows.best(similarities, this.#count, classes[best] ?? -1),
    };
  }

  /** Until a fit is there, the former metric decides: a live answer never waits. */
  follow(changes: number): void {
    this.#changes += changes;
    while (this.#lengths.length < this.#rows.count) this.#lengths.push(this.#lengthOf(this.#lengths.length));
    if (this.#due && !this.#fitting) this.ready = this.#refit();
  }

  get #due(): boolean {
    const { length } = this.#rows.alive;
    return length > 0 && this.#changes > (length <= HEAD.refit_always ? 0 : HEAD.refit_growth * length);
  }

  async #refit(): Promise<void> {
    this.#fitting = true;
    while (this.#due) {
      this.#changes = 0;
      await this.#fit(this.#sample()).then(
        (metric) => this.#adopt(metric),
        // The former metric goes on deciding.
        (error: unknown) => console.warn("The metric could not be fitted.", error),
      );
    }
    this.#fitting = false;
  }

  /** Measure all vectors in a metric, in small slices of time, and then decide by it. */
  async #adopt(metric: Metric, lengths: number[] = []): Promise<void> {
    for (let resumed = performance.now(); lengths.length < this.#rows.count; ) {
      lengths.push(this.#lengthOf(lengths.length, metric));
      if (performance.now() - resumed < SLICE_MS) continue;
      await new Promise((resolve) => setTimeout(resolve));
      resumed = performance.now();
    }
    [this.#metric, this.#lengths] = [metric, lengths];
    this.#recordings = recordingsPerClass(this.#rows);
  }

  #lengthOf(slot: number, metric = this.#metric): number {
    return measured(metric, this.#rows.vector(slot)).length;
  }

  #sample(): Sample {
    const rows = this.#rows;
    const known = rows.alive.map((slot) => ({ id: rows.idOf(slot), classId: rows.classOf(slot), recordingId: rows.recordingOf(slot) }));
    const viewed = evenly(
      rows,
      wantedViews(known).flatMap((id) => (rows.views.has(id) ? [rows.slotOf(id)!] : [])),
      VIEWS.most_in_browser,
    );
    const others = evenly(rows, rows.alive, MOST_FITTED - VIEWS.per_example * viewed.length);
    const slots = [...new Set([...viewed, ...others])];
    const views = new Map(viewed.map((slot, place) => [place, rows.views.get(rows.idOf(slot))!]));
    const vectors = new Float32Array(slots.length * rows.dimension);
    slots.forEach((slot, place) => vectors.set(rows.vector(slot), place * rows.dimension));
    const [classes, recordings] = [slots.map((slot) => rows.classOf(slot)), slots.map((slot) => rows.recordingOf(slot))];
    return { dimension: rows.dimension, vectors, classes, recordings, views };
  }
}

/** The nearest examples of all vote. */
class Votes implements Head {
  readonly ready = AT_ONCE;
  readonly #rows: Rows;
  readonly #head: BrowserModel["head"];
  /** Of all examples; null after a change. */
  #mean: Float32Array | null = null;

  constructor(rows: Rows, { head }: BrowserModel) {
    this.#rows = rows;
    this.#head = head;
  }

  follow(): void {
    this.#mean = null;
  }

  similarities(unit: Float32Array): Float64Array {
    return this.#rows.products(unit);
  }

  decide(unit: Float32Array): Decision {
    const { classes } = this.#rows;
    const { n_neighbors, weights, balanced } = this.#head;
    const similarities = this.similarities(unit);
    const near = this.#rows.best(similarities, n_neighbors);
    const votes = new Map<number, number>();
    for (const { slot, similarity } of near) {
      const classId = this.#rows.classOf(slot);
      let weight = balanced ? 1 / Math.sqrt(this.#rows.size(classId)) : 1;
      if (weights === "distance") weight /= Math.max(1 - similarity, HEAD.smallest_distance);
      votes.set(classId, (votes.get(classId) ?? 0) + weight);
    }
    const total = sum([...votes.values()]);
    const probabilities = classes.map((id) => (votes.get(id) ?? 0) / total);
    const own = this.#rows.best(similarities, HEAD.typical_neighbors, classes[argmax(probabilities)] ?? -1);
    return { probabilities, typicality: this.#typicality(own, unit), near };
  }

  /** The mean cosine with the class's nearest, seen from the mean of all examples. */
  #typicality(own: readonly Near[], unit: Float32Array): number {
    const rows = this.#rows;
    const mean = (this.#mean ??= average(rows.alive.map((slot) => rows.vector(slot)), rows.dimension));
    const seen = difference(unit, mean);
    return meanOf(own.map(({ slot }) => cosine(difference(rows.vector(slot), mean), seen)));
  }
}

export function makeHead(rows: Rows, browserModel: BrowserModel, fit: Fit): Head {
  return browserModel.head.name === "adaptive" ? new Adaptive(rows, browserModel, fit) : new Votes(rows, browserModel);
}

/** A vector from the centre, its part in each direction of a metric, and how long the metric makes it. */
function measured({ centre, directions, gains }: Metric, unit: Float32Array) {
  const from = difference(unit, centre);
  const parts = Float64Array.from(gains, (_, r) => product(directions, r * from.length, from));
  let square = product(from, 0, from);
  parts.forEach((part, r) => (square += part ** 2 * ((1 + gains[r]!) ** 2 - 1)));
  return { from, parts, length: Math.max(Math.sqrt(Math.max(square, 0)), HEAD.smallest_length) };
}

function recordingsPerClass(rows: Rows): number {
  const pairs = new Set(rows.alive.map((slot) => `${rows.classOf(slot)} ${rows.recordingOf(slot)}`));
  const taught = rows.classes.filter((id) => rows.size(id) > 0);
  return Math.max(pairs.size, 1) / Math.max(taught.length, 1);
}

/** At most so many of the examples, as many of each class as can be. */
function evenly(rows: Rows, all: readonly number[], most: number): number[] {
  const groups = rows.classes.map((id) => all.filter((slot) => rows.classOf(slot) === id));
  let left = most;
  return groups
    .sort((a, b) => a.length - b.length)
    .flatMap((slots, place) => {
      const count = Math.min(slots.length, Math.floor(left / (groups.length - place)));
      left -= count;
      const gap = (slots.length - 1) / Math.max(count - 1, 1);
      return Array.from({ length: count }, (_, i) => slots[Math.floor(i * gap)]!);
    });
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

function meanOf(values: readonly number[]): number {
  return sum(values) / values.length;
}

function average(vectors: readonly Float32Array[], dimension: number): Float32Array {
  const total = new Float64Array(dimension);
  for (const vector of vectors) vector.forEach((value, i) => (total[i]! += value / vectors.length));
  return Float32Array.from(total);
}

function difference(a: Float32Array, b: Float32Array): Float64Array {
  const found = new Float64Array(a);
  for (let i = 0; i < found.length; i++) found[i]! -= b[i]!;
  return found;
}

function cosine(a: Float64Array, b: Float64Array): number {
  const lengths = Math.sqrt(product(a, 0, a) * product(b, 0, b));
  return product(a, 0, b) / Math.max(lengths, HEAD.smallest_distance);
}
