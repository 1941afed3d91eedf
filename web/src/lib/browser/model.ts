/** Predict with a head and its examples: the TypeScript version of ``project/model.py``. */

import type { NeighborInfo, PredictionInfo } from "../server/types";
import { argmax, makeHead, type Fit, type Head } from "./heads";
import type { ModelClass, BrowserModel } from "./browser-model";
import { Rows, type Neighbor } from "./rows";

/** A training example; ``vector`` is required the first time. */
export interface TrainingExample {
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
  typicality: 1,
  neighbors: [],
};

export class Model {
  readonly #uid: string;
  readonly #rows: Rows;
  readonly #head: Head;
  readonly #referenceScores: Float32Array;
  #names = new Map<number, string>();
  #rejectionLevel: number;

  private constructor(browserModel: BrowserModel, fit: Fit, former: Model | null) {
    this.#referenceScores = browserModel.reference_scores;
    this.#rejectionLevel = browserModel.rejection_level;
    this.#uid = browserModel.uid;
    this.#rows = rowsOfExport(browserModel, former && former.#uid === this.#uid ? former.#rows : null);
    this.setClasses(browserModel.classes);
    this.#head = makeHead(this.#rows, browserModel, fit);
  }

  /** ``fit`` fits the metric in another worker. ``former`` has the vectors that the file leaves out. */
  static async open(browserModel: BrowserModel, fit: Fit, former: Model | null = null): Promise<Model> {
    const model = new Model(browserModel, fit, former);
    await model.ready;
    return model;
  }

  /** Settles when the head is fitted. */
  get ready(): Promise<void> {
    return this.#head.ready;
  }

  setClasses(classes: readonly ModelClass[]): void {
    this.#rows.classes = classes.map(({ id }) => id);
    this.#names = new Map(classes.map(({ id, name }) => [id, name]));
  }

  configure(rejectionLevel: number): void {
    this.#rejectionLevel = rejectionLevel;
  }

  /** Add examples, or change their class. */
  learn(examples: readonly TrainingExample[]): void {
    const unknown = examples.find(({ id, vector }) => !vector && this.#rows.slotOf(id) === undefined);
    if (unknown) throw new Error(`Example ${unknown.id} has no embedding.`);
    for (const { id, classId, recordingId, vector, views } of examples) {
      this.#rows.put(id, classId, recordingId, vector);
      if (views) this.#rows.views.set(id, views);
    }
    this.#head.follow(examples.length);
  }

  setViews(id: number, views: Float32Array): void {
    this.#rows.views.set(id, views);
    this.#head.follow(1);
  }

  forget(ids: readonly number[]): void {
    this.#rows.drop(ids);
    this.#head.follow(ids.length);
  }

  predict(unit: Float32Array): PredictionInfo {
    if (this.#rows.alive.length === 0) return NOTHING;
    const { probabilities, typicality, near } = this.#head.decide(unit);
    const taught = this.#rows.classes.flatMap((id, place) =>
      this.#rows.size(id) > 0 ? [{ id, probability: probabilities[place] ?? 0 }] : [],
    );
    const best = taught[argmax(taught.map(({ probability }) => probability))];
    const share = this.#share(typicality);
    const known = best !== undefined && share >= this.#rejectionLevel;
    return {
      class_id: known ? best.id : null,
      label: known ? (this.#names.get(best.id) ?? null) : null,
      probability: known ? best.probability : 0,
      probabilities: Object.fromEntries(taught.map(({ id, probability }) => [id, probability])),
      typicality: share,
      neighbors: near.map((one) => this.#neighbor(one)),
    };
  }

  /** Return the examples most similar to one, without itself. */
  neighbors(id: number, count: number): NeighborInfo[] {
    const own = this.#rows.slotOf(id);
    if (own === undefined) return [];
    return this.#rows
      .best(this.#head.similarities(this.#rows.vector(own)), count + 1)
      .filter(({ slot }) => slot !== own)
      .slice(0, count)
      .map((one) => this.#neighbor(one));
  }

  #neighbor({ slot, similarity }: Neighbor): NeighborInfo {
    return { example_id: this.#rows.idOf(slot), class_id: this.#rows.classOf(slot), similarity };
  }

  /** Return the share of reference scores below a typicality. */
  #share(typicality: number): number {
    if (this.#rejectionLevel <= 0 || this.#referenceScores.length === 0) return 1;
    return this.#referenceScores.filter((one) => one < typicality).length / this.#referenceScores.length;
  }
}

export function rowsOfExport(
  { examples, classes, backbone, vectors, viewed, views }: BrowserModel,
  former: Rows | null = null,
): Rows {
  const rows = new Rows(backbone.dimension);
  rows.classes = classes.map(({ id }) => id);
  const held = examples.ids.length - vectors.length / backbone.dimension;
  examples.ids.forEach((id, index) => {
    const start = (index - held) * backbone.dimension;
    const slot = former?.slotOf(id);
    const known = slot === undefined ? undefined : former?.vector(slot);
    const vector = index < held ? known : vectors.subarray(start, start + backbone.dimension);
    rows.put(id, examples.class_ids[index]!, examples.recording_ids[index]!, vector);
  });
  const length = viewed.length > 0 ? views.length / viewed.length : 0;
  viewed.forEach((id, place) => rows.views.set(id, views.subarray(place * length, (place + 1) * length)));
  return rows;
}
