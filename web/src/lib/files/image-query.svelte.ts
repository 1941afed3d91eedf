/** "What is this?": a picture to predict instead of the camera, and to teach. */

import { api, ApiError } from "../api";
import type { Project } from "../project/project.svelte";
import type { Toasts } from "../page/toasts.svelte";
import type { PredictionInfo } from "../server/types";
import { messageOf } from "../page/words";

export interface Question {
  image: File;
  address: string;
}

export class ImageQuery {
  question = $state.raw<Question | null>(null);
  prediction = $state.raw<PredictionInfo | null>(null);

  readonly #project: Project;
  readonly #toasts: Toasts;
  /** The example made of the picture in each class. */
  #taught = new Map<number, number>();
  #teaching = false;

  constructor(project: Project, toasts: Toasts) {
    this.#project = project;
    this.#toasts = toasts;
  }

  ask(image: File): void {
    this.close();
    this.question = { image, address: URL.createObjectURL(image) };
  }

  close(): void {
    if (this.question) URL.revokeObjectURL(this.question.address);
    this.question = this.prediction = null;
    this.#taught = new Map();
  }

  /** Predict the picture, and again after every change of the project. */
  async look(): Promise<void> {
    const { question } = this;
    if (!question) return;
    try {
      const prediction = await api.predict(question.image);
      if (this.question === question) this.prediction = prediction;
    } catch (error) {
      if (this.question !== question) return;
      this.#toasts.show(messageOf(error));
      if (error instanceof ApiError && error.code !== "unreachable") this.close();
    }
  }

  /** Add the picture to a class, once. */
  async teach(classId: number): Promise<void> {
    const { question } = this;
    const info = this.#project.find(classId);
    if (!question || !info || this.#teaching) return;
    this.#teaching = true;
    try {
      if (await this.#knows(classId)) {
        this.#toasts.show(`This picture is in ${info.name} already.`);
        return;
      }
      const { id, change } = await api.addExample(question.image, { class_id: classId, source: "picture" });
      this.#taught.set(classId, id);
      await this.#project.refresh();
      this.#toasts.show("1 example added.", this.#project.undoing(change));
    } catch (error) {
      this.#toasts.show(messageOf(error));
    } finally {
      this.#teaching = false;
    }
  }

  /** Whether it is already an example. */
  async #knows(classId: number): Promise<boolean> {
    const id = this.#taught.get(classId);
    if (id === undefined) return false;
    const page = await api.examples({ class_id: classId, before: id + 1, limit: 1 });
    return page.examples[0]?.id === id;
  }
}
