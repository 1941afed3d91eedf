/** Looks at pictures on the server or in this browser, as the person chooses; examples go to the server. */

import { startEngine } from "./browser/engine";
import type { Engine } from "./browser/engine.worker";
import type { Picture } from "./grabber";
import type { Listener, NewExample, Place, Predictor, Reply } from "./predictor";
import { RemotePredictor } from "./remote";
import { rest } from "./rest";
import type { PredictionInfo, State } from "./types";

/** After a change the browser learns it; while they go on, not more often than this. */
const CALM_MS = 400;

const NOTHING: PredictionInfo = {
  class_id: null,
  label: null,
  probability: 0,
  probabilities: {},
  familiarity: 1,
  neighbors: [],
};

export class EitherPredictor implements Predictor {
  readonly places = ["server", "browser"] as const;
  place: Place = "server";
  readonly #remote: RemotePredictor;
  #engine: Engine | null = null;
  #looking = false;
  #state: State | null = null;
  /** The revision that the browser knows. */
  #known = -1;
  #learning = false;
  #seq = 0;

  constructor(address: string, listener: Listener, isLetIn: () => Promise<boolean>) {
    const state = (state: State) => {
      this.#state = state;
      listener.state(state);
      void this.#learn();
    };
    this.#remote = new RemotePredictor(address, { ...listener, state }, isLetIn);
  }

  get online(): boolean {
    return this.#remote.online;
  }

  get free(): boolean {
    return this.place === "server" ? this.#remote.free : this.online && !this.#looking;
  }

  get full(): boolean {
    return this.#remote.full;
  }

  /** Rejects with one line that a person understands; then it stays where it was. */
  async move(place: Place): Promise<void> {
    if (place === "browser" && !this.#engine) {
      const { image_size } = await rest.state();
      const engine = startEngine(Promise.resolve());
      await engine.open(new URL("api/backbone", document.baseURI).href, image_size, false);
      this.#engine = engine;
    }
    if (place === "browser") {
      this.#known = -1;
      await this.#fetch();
    }
    this.place = place;
  }

  predict(picture: Picture): Promise<Reply> {
    return this.place === "server" ? this.#remote.predict(picture) : this.#look(picture);
  }

  add(picture: Picture, example: NewExample): Promise<Reply> {
    return this.#remote.add(picture, example);
  }

  close(): void {
    this.#remote.close();
  }

  async #look({ jpeg }: Picture): Promise<Reply> {
    if (!this.#engine) throw new Error("The browser has not begun to look.");
    const sentAt = performance.now();
    this.#looking = true;
    try {
      const picture = new Blob([jpeg], { type: "image/jpeg" });
      const { prediction, decode, backbone, head } = await this.#engine.predict(picture);
      const receivedAt = performance.now();
      return {
        answer: {
          type: "answer",
          seq: this.#seq++,
          revision: this.#known,
          prediction: prediction ?? NOTHING,
          example_id: null,
          change: null,
          timings: { queue: 0, decode, backbone, head, store: 0 },
        },
        wire: receivedAt - sentAt - decode - backbone - head,
        receivedAt,
      };
    } finally {
      this.#looking = false;
    }
  }

  /** Know what the server knows, soon. */
  async #learn(): Promise<void> {
    if (this.place !== "browser" || this.#learning) return;
    this.#learning = true;
    while (this.#known < (this.#state?.revision ?? -1)) {
      await this.#fetch().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, CALM_MS));
    }
    this.#learning = false;
  }

  async #fetch(): Promise<void> {
    const wanted = this.#state?.revision ?? 0;
    // Without two classes there is nothing to know.
    const taught = this.#state?.classes.filter(({ examples }) => examples > 0).length ?? 0;
    await this.#engine?.know(taught < 2 ? null : await rest.knowledge());
    this.#known = wanted;
  }
}
