/** What is known, and what is said of a picture: the TypeScript side of ``knowledge.py``. */

import type { NeighborInfo, PredictionInfo } from "../types";
import { argmax, makeHead, type Classes, type Head } from "./heads";
import type { KnownClass, Knowledge } from "./knowledge";
import { Rows, type Near } from "./rows";

/** An example to be learnt; one that was here before needs no vector. */
export interface Lesson {
  id: number;
  classId: number;
  vector?: Float32Array;
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
  readonly #classes: Classes;
  readonly #knowledge: Knowledge;
  #names = new Map<number, string>();
  #strictness: number;

  constructor(knowledge: Knowledge) {
    const { examples, classes, backbone, vectors } = knowledge;
    this.#knowledge = knowledge;
    this.#strictness = knowledge.strictness;
    this.#rows = new Rows(backbone.dimension);
    this.#classes = { ids: [], counts: new Map() };
    this.arrange(classes);
    examples.ids.forEach((id, place) => {
      const start = place * backbone.dimension;
      const classId = examples.class_ids[place] ?? -1;
      this.#rows.put(id, classId, vectors.subarray(start, start + backbone.dimension));
      this.#count(classId, 1);
    });
    this.#head = makeHead(this.#rows, this.#classes, knowledge);
  }

  /** All classes, in their order. */
  arrange(classes: readonly KnownClass[]): void {
    this.#classes.ids = classes.map(({ id }) => id);
    this.#names = new Map(classes.map(({ id, name }) => [id, name]));
  }

  configure(strictness: number): void {
    this.#strictness = strictness;
  }

  /** Learn examples, or give those that are known another class. */
  async learn(lessons: readonly Lesson[]): Promise<void> {
    await this.#head.ready;
    const unknown = lessons.find(({ id, vector }) => !vector && this.#rows.slotOf(id) === undefined);
    if (unknown) throw new Error(`Nothing is known of example ${unknown.id}.`);
    for (const { id, classId, vector } of lessons) {
      this.#take(id);
      this.#head.learn(this.#rows.put(id, classId, vector));
      this.#count(classId, 1);
    }
  }

  async forget(ids: readonly number[]): Promise<void> {
    await this.#head.ready;
    for (const id of ids) this.#take(id);
  }

  predict(unit: Float32Array): PredictionInfo {
    if (this.#rows.alive.length === 0) return NOTHING;
    const similarities = this.#rows.similarities(unit);
    const near = this.#best(similarities, this.#knowledge.head.n_neighbors);
    const { probabilities, familiarity } = this.#head.decide({ unit, similarities, near });
    const { ids, counts } = this.#classes;
    const taught = ids.flatMap((id, place) =>
      (counts.get(id) ?? 0) > 0 ? [{ id, probability: probabilities[place] ?? 0 }] : [],
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
      neighbors: this.#reasons(similarities, near, best?.id),
    };
  }

  /** The examples that speak for the answer: that voted, or of its class the most alike. */
  #reasons(similarities: Float64Array, near: Near[], classId?: number): NeighborInfo[] {
    const { name, n_neighbors } = this.#knowledge.head;
    if (name === "knn") return near.map(({ slot, similarity }) => this.#neighbor(slot, similarity));
    const { alive } = this.#rows;
    const own = similarities.map((one, place) => (this.#rows.classOf(alive[place]!) === classId ? one : -Infinity));
    return this.#best(own, n_neighbors)
      .filter(({ similarity }) => similarity > -Infinity)
      .map(({ slot, similarity }) => this.#neighbor(slot, similarity));
  }

  /** The examples most like one, without itself. */
  neighbors(id: number, count: number): NeighborInfo[] {
    const own = this.#rows.slotOf(id);
    if (own === undefined) return [];
    const near = this.#best(this.#rows.similarities(this.#rows.vector(own)), count + 1);
    return near
      .filter(({ slot }) => slot !== own)
      .slice(0, count)
      .map(({ slot, similarity }) => this.#neighbor(slot, similarity));
  }

  #best(similarities: Float64Array, count: number) {
    return this.#rows.best(similarities, count, (classId) => this.#classes.ids.indexOf(classId));
  }

  #neighbor(slot: number, similarity: number): NeighborInfo {
    return { example_id: this.#rows.idOf(slot), class_id: this.#rows.classOf(slot), similarity };
  }

  /** The share of own examples that were less clearly of their class. */
  #share(familiarity: number): number {
    const { familiar } = this.#knowledge;
    if (this.#strictness <= 0 || familiar.length === 0) return 1;
    let less = 0;
    while (less < familiar.length && familiar[less]! < familiarity) less++;
    return less / familiar.length;
  }

  #take(id: number): void {
    const slot = this.#rows.slotOf(id);
    if (slot === undefined || !this.#rows.alive.includes(slot)) return;
    this.#head.forget(slot);
    this.#count(this.#rows.classOf(slot), -1);
    this.#rows.drop([id]);
  }

  #count(classId: number, change: number): void {
    this.#classes.counts.set(classId, (this.#classes.counts.get(classId) ?? 0) + change);
  }
}
