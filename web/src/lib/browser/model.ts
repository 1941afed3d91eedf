/** What is known, and what is said of a picture: the TypeScript side of ``knowledge.py``. */

import type { NeighborInfo, PredictionInfo } from "../server/types";
import { argmax, makeHead, type Fit, type Head } from "./heads";
import type { KnownClass, Knowledge } from "./knowledge";
import { Rows, type Near } from "./rows";

/** An example to be learnt; one that was here before needs no vector. */
export interface Lesson {
  id: number;
  classId: number;
  recordingId: number;
  vector?: Float32Array;
  views?: Float32Array | undefined;
}

const NOTHING: PredictionInfo = {
  class_id: null,
  label: null,
  probability: 0,
  probabilities: {},
  familiarity: 1,
  neighbors: [],
};

export class Brain {
  readonly #rows: Rows;
  readonly #head: Head;
  readonly #familiar: Float32Array;
  #names = new Map<number, string>();
  #strictness: number;

  private constructor(knowledge: Knowledge, fit: Fit) {
    this.#familiar = knowledge.familiar;
    this.#strictness = knowledge.strictness;
    this.#rows = knownRows(knowledge);
    this.arrange(knowledge.classes);
    this.#head = makeHead(this.#rows, knowledge, fit);
  }

  /** ``fit`` learns a metric on another thread. */
  static async open(knowledge: Knowledge, fit: Fit): Promise<Brain> {
    const brain = new Brain(knowledge, fit);
    await brain.ready;
    return brain;
  }

  /** Settles when nothing is left to be fitted. */
  get ready(): Promise<void> {
    return this.#head.ready;
  }

  /** All classes, in their order. */
  arrange(classes: readonly KnownClass[]): void {
    this.#rows.classes = classes.map(({ id }) => id);
    this.#names = new Map(classes.map(({ id, name }) => [id, name]));
  }

  configure(strictness: number): void {
    this.#strictness = strictness;
  }

  /** Learn examples, or give those that are known another class. */
  learn(lessons: readonly Lesson[]): void {
    const unknown = lessons.find(({ id, vector }) => !vector && this.#rows.slotOf(id) === undefined);
    if (unknown) throw new Error(`Nothing is known of example ${unknown.id}.`);
    for (const { id, classId, recordingId, vector, views } of lessons) {
      this.#rows.put(id, classId, recordingId, vector);
      if (views) this.#rows.views.set(id, views);
    }
    this.#head.follow(lessons.length);
  }

  /** Learn the embeddings of an example's views. */
  vary(id: number, views: Float32Array): void {
    this.#rows.views.set(id, views);
    this.#head.follow(1);
  }

  forget(ids: readonly number[]): void {
    this.#rows.drop(ids);
    this.#head.follow(ids.length);
  }

  predict(unit: Float32Array): PredictionInfo {
    if (this.#rows.alive.length === 0) return NOTHING;
    const { probabilities, familiarity, near } = this.#head.decide(unit);
    const taught = this.#rows.classes.flatMap((id, place) =>
      this.#rows.size(id) > 0 ? [{ id, probability: probabilities[place] ?? 0 }] : [],
    );
    const best = taught[argmax(taught.map(({ probability }) => probability))];
    const share = this.#share(familiarity);
    const known = best !== undefined && share >= this.#strictness;
    return {
      class_id: known ? best.id : null,
      label: known ? (this.#names.get(best.id) ?? null) : null,
      probability: known ? best.probability : 0,
      probabilities: Object.fromEntries(taught.map(({ id, probability }) => [id, probability])),
      familiarity: share,
      neighbors: near.map((one) => this.#neighbor(one)),
    };
  }

  /** The examples most like one, without itself. */
  neighbors(id: number, count: number): NeighborInfo[] {
    const own = this.#rows.slotOf(id);
    if (own === undefined) return [];
    return this.#rows
      .best(this.#head.similarities(this.#rows.vector(own)), count + 1)
      .filter(({ slot }) => slot !== own)
      .slice(0, count)
      .map((one) => this.#neighbor(one));
  }

  #neighbor({ slot, similarity }: Near): NeighborInfo {
    return { example_id: this.#rows.idOf(slot), class_id: this.#rows.classOf(slot), similarity };
  }

  /** The share of own examples that were less clearly of their class. */
  #share(familiarity: number): number {
    if (this.#strictness <= 0 || this.#familiar.length === 0) return 1;
    return this.#familiar.filter((one) => one < familiarity).length / this.#familiar.length;
  }
}

/** All that came with an export. */
export function knownRows({ examples, classes, backbone, vectors, viewed, views }: Knowledge): Rows {
  const rows = new Rows(backbone.dimension);
  rows.classes = classes.map(({ id }) => id);
  examples.ids.forEach((id, place) => {
    const vector = vectors.subarray(place * backbone.dimension, (place + 1) * backbone.dimension);
    rows.put(id, examples.class_ids[place]!, examples.recording_ids[place]!, vector);
  });
  const length = viewed.length > 0 ? views.length / viewed.length : 0;
  viewed.forEach((id, place) => rows.views.set(id, views.subarray(place * length, (place + 1) * length)));
  return rows;
}
