/** Predict pictures in this browser, on an exported page. */

import type { Picture } from "../camera/frame-encoder";
import type { Listener, NewExample, Predictor, Reply } from "../live/predictor";
import type { BrowserProject } from "./browser-project";

const NO_PREDICTION = {
  class_id: null,
  label: null,
  probability: 0,
  probabilities: {},
  typicality: 1,
  neighbors: [],
};

export class BrowserPredictor implements Predictor {
  readonly places = ["browser"] as const;
  readonly place = "browser";
  readonly full = false;
  readonly #backend: BrowserProject;
  #online = false;
  #busy = 0;
  #seq = 0;

  constructor(backend: BrowserProject, listener: Listener) {
    this.#backend = backend;
    backend.ready.then(
      () => {
        this.#online = true;
        listener.connection("online");
      },
      (error: unknown) => listener.connection("failed", error instanceof Error ? error.message : String(error)),
    );
  }

  get online(): boolean {
    return this.#online;
  }

  get free(): boolean {
    return this.#online && this.#busy === 0;
  }

  async move(): Promise<void> {}

  predict(picture: Picture): Promise<Reply> {
    return this.#predict(picture, null);
  }

  add(picture: Picture, example: NewExample): Promise<Reply> {
    return this.#predict(picture, example);
  }

  close(): void {
    this.#online = false;
  }

  async #predict({ jpeg }: Picture, example: NewExample | null): Promise<Reply> {
    const sentAt = performance.now();
    this.#busy += 1;
    try {
      const blob = new Blob([jpeg], { type: "image/jpeg" });
      const { prediction, vector, decode, backbone, head } = await this.#backend.engine.predict(blob);
      const seenAt = performance.now();
      const added = example && (await this.#backend.add(blob, vector, target(example)));
      const receivedAt = performance.now();
      if (prediction) this.#backend.reportPrediction(prediction);
      const store = receivedAt - seenAt;
      return {
        answer: {
          type: "answer",
          seq: this.#seq++,
          revision: this.#backend.state.revision,
          prediction: prediction ?? NO_PREDICTION,
          example_id: added?.example.id ?? null,
          change: added?.change ?? null,
          timings: { queue: 0, decode, backbone, head, store },
        },
        wire: receivedAt - sentAt - decode - backbone - head - store,
        receivedAt,
      };
    } finally {
      this.#busy -= 1;
    }
  }
}

function target({ classId, recording }: NewExample) {
  return { class_id: classId, recording, group: recording, source: "camera" };
}
