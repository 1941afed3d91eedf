/** The heads: the TypeScript version of ``heads/neighbors.py``. */

import { head as HEAD, views as VIEWS } from "../../../../src/classify_anything/constants.json";
import type { Metric, Sample } from "./fitting";
import type { BrowserModel } from "./browser-model";
import { product, type Neighbor, type Rows } from "./rows";
import { examplesForViews } from "./views";

/** Probabilities in class order, the typicality for the best class, and the nearest examples. */
export interface Decision {
  probabilities: number[];
  typicality: number;
  near: Neighbor[];
}

export interface Head {
  /** Settles when the head is fitted. Later fits do not block ``decide``. */
  readonly ready: Promise<void>;
  /** Return the similarity to each of ``rows.alive``. */
  similarities(unit: Float32Array): Float64Array;
  decide(unit: Float32Array): Decision;
  /** Update after this number of new, deleted or reclassified examples. */
  follow(changes: number): void;
}

export type Fit = (sample: Sample) => Promise<Metric>;

/** Maximum number of examples and view contrasts in a fit: its time grows with their cube, and 480 need 1–2 s. */
const MAX_FITTED = 480;
/** Yield to other tasks this often while computing lengths. */
const SLICE_MS = 8;
const AT_ONCE = Promise.resolve();

/** Mean similarity of each class's nearest examples, in a metric fitted to all of them. */
class Adaptive implements Head {
  ready: Promise<void>;
  readonly #rows: Rows;
  readonly #fit: Fit;
  readonly #count: number;
  /** The temperature with one recording per class. */
  readonly #temperature: number;
  #metric!: Metric;
  #recordings = 1;
  /** The length of each vector in the metric, by slot. */
  #lengths: number[] = [];
  #changes = 0;
  #fitting = false;

  constructor(rows: Rows, { head, centre, directions, gains, lengths }: BrowserModel, fit: Fit) {
    this.#rows = rows;
    this.#fit = fit;
    this.#count = head.n_neighbors;
    // The temperature falls with the root of the number of recordings, as in ``heads/fitting.py``.
    this.#temperature = head.temperature * Math.sqrt(recordingsPerClass(rows));
    this.ready = this.#adopt({ centre, directions, gains }, [...lengths]);
  }

  /**
   * The metric maps c = unit - centre to M · c. For the products (M · c) · (M · x), map only the first
   * factor, twice, and divide by each example's length in the metric: no mapped vectors are stored.
   */
  similarities(unit: Float32Array): Float64Array {
    const { centre, directions, gains } = this.#metric;
    const { from, parts, length } = metricParts(this.#metric, unit);
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

  /** The previous metric decides during a fit, so that no prediction waits. */
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
        // Keep the previous metric.
        (error: unknown) => console.warn("The metric could not be fitted.", error),
      );
    }
    this.#fitting = false;
  }

  /** Compute all lengths in a metric, in small slices of time, then use it. */
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
    return metricParts(metric, this.#rows.vector(slot)).length;
  }

  #sample(): Sample {
    const rows = this.#rows;
    const known = rows.alive.map((slot) => ({ id: rows.idOf(slot), classId: rows.classOf(slot), recordingId: rows.recordingOf(slot) }));
    const viewed = sampleEvenly(
      rows,
      examplesForViews(known).flatMap((id) => (rows.views.has(id) ? [rows.slotOf(id)!] : [])),
      VIEWS.most_in_browser,
    );
    const others = sampleEvenly(rows, rows.alive, MAX_FITTED - VIEWS.per_example * viewed.length);
    const slots = [...new Set([...viewed, ...others])];
    const views = new Map(viewed.map((slot, place) => [place, rows.views.get(rows.idOf(slot))!]));
    const vectors = new Float32Array(slots.length * rows.dimension);
    slots.forEach((slot, place) => vectors.set(rows.vector(slot), place * rows.dimension));
    const [classes, recordings] = [slots.map((slot) => rows.classOf(slot)), slots.map((slot) => rows.recordingOf(slot))];
    return { dimension: rows.dimension, vectors, classes, recordings, views };
  }
}

class Votes implements Head {
  readonly ready = AT_ONCE;
  readonly #rows: Rows;
  readonly #head: BrowserModel["head"];
  /** The mean of all examples; null after a change. */
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

  /** Mean cosine similarity with the class's nearest examples, after subtracting the mean of all. */
  #typicality(own: readonly Neighbor[], unit: Float32Array): number {
    const rows = this.#rows;
    const mean = (this.#mean ??= average(rows.alive.map((slot) => rows.vector(slot)), rows.dimension));
    const seen = difference(unit, mean);
    return meanOf(own.map(({ slot }) => cosine(difference(rows.vector(slot), mean), seen)));
  }
}

export function makeHead(rows: Rows, browserModel: BrowserModel, fit: Fit): Head {
  return browserModel.head.name === "adaptive" ? new Adaptive(rows, browserModel, fit) : new Votes(rows, browserModel);
}

/** Return a centred vector, its part in each direction of the metric, and its length in the metric. */
function metricParts({ centre, directions, gains }: Metric, unit: Float32Array) {
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

/** Choose at most ``max`` examples, balanced between the classes. */
function sampleEvenly(rows: Rows, all: readonly number[], max: number): number[] {
  const groups = rows.classes.map((id) => all.filter((slot) => rows.classOf(slot) === id));
  let left = max;
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
  const max = Math.max(...scores);
  const weights = scores.map((score) => Math.exp((score - max) / temperature));
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
