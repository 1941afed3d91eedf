/** Predict on the server or in this browser, as the user chooses; examples go to the server. */

import { startEngine } from "../browser/engine";
import type { Engine } from "../browser/engine.worker";
import { parseBrowserModel, type BrowserModel } from "../browser/browser-model";
import type { Picture } from "../camera/frame-encoder";
import type { Listener, NewExample, Place, Predictor, Reply } from "./predictor";
import { RemotePredictor } from "./remote";
import { rest } from "../server/rest";
import type { PredictionInfo, State } from "../server/types";
import { messageOf } from "../page/words";

/** Minimum interval between two updates of the model in the browser. */
const UPDATE_MS = 400;
/** Consecutive failures, each with twice the wait, before the server predicts again. */
const TRIES = 4;

const NOTHING: PredictionInfo = {
  class_id: null,
  label: null,
  probability: 0,
  probabilities: {},
  typicality: 1,
  neighbors: [],
};

export class SwitchingPredictor implements Predictor {
  readonly places = ["server", "browser"] as const;
  place: Place = "server";
  readonly #remote: RemotePredictor;
  readonly #listener: Listener;
  #engine: Engine | null = null;
  /** The fingerprint of the engine's network. */
  #opened = "";
  #looking = false;
  /** Settles when the current picture has its answer. */
  #answer: Promise<unknown> = Promise.resolve();
  #state: State | null = null;
  /** The revision of the browser's model. */
  #known = -1;
  /** The largest example id that the engine has the vector of; 0 after a failure. */
  #newest = 0;
  #learning = false;
  #seq = 0;

  constructor(address: string, listener: Listener, isLetIn: () => Promise<boolean>) {
    const state = (state: State) => {
      this.#state = state;
      listener.state(state);
      void this.#learn();
    };
    this.#listener = listener;
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

  /** Rejects with one line for people, and then changes nothing. */
  async move(place: Place): Promise<void> {
    if (place === "browser") await this.#fetch();
    this.place = place;
    void this.#learn();
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
    if (!this.#engine) throw new Error("The network in the browser is not ready.");
    const sentAt = performance.now();
    this.#looking = true;
    try {
      const picture = new Blob([jpeg], { type: "image/jpeg" });
      const answer = this.#engine.predict(picture);
      this.#answer = answer.catch(() => undefined);
      const { prediction, decode, backbone, head } = await answer;
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

  /** Fetch the server's model soon; if that fails, predict on the server again. */
  async #learn(): Promise<void> {
    if (this.#learning) return;
    this.#learning = true;
    let failures = 0;
    while (this.place === "browser" && this.#known < (this.#state?.revision ?? -1)) {
      try {
        await this.#fetch();
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === TRIES) {
          this.place = "server";
          this.#listener.moved("server", `Using the program again: ${messageOf(error)}`);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, UPDATE_MS * 2 ** failures));
    }
    this.#learning = false;
  }

  async #fetch(): Promise<void> {
    const { revision, image_size, classes } = this.#state ?? (await rest.state());
    // Without two classes there is no model.
    const taught = classes.filter(({ examples }) => examples > 0).length;
    const after = this.#engine ? this.#newest : 0;
    this.#newest = 0;
    const file = taught < 2 ? null : await rest.model(this.#opened, after);
    const browserModel = file && parseBrowserModel(file);
    const fits = this.#engine && (!browserModel || browserModel.backbone.fingerprint === this.#opened);
    if (fits) await this.#engine?.load(file);
    else await this.#open(file, browserModel, image_size);
    this.#newest = browserModel?.examples.ids.at(-1) ?? 0;
    this.#known = revision;
  }

  /** Replace the engine once the new one is ready: a model fits only one network. */
  async #open(file: ArrayBuffer | null, browserModel: BrowserModel | null, imageSize: number): Promise<void> {
    const { fingerprint, size } = browserModel?.backbone ?? { fingerprint: "", size: imageSize };
    const query = fingerprint && `?${new URLSearchParams({ fingerprint })}`;
    const model = new URL(`api/backbone${query}`, document.baseURI).href;
    const engine = startEngine(Promise.resolve());
    try {
      await engine.open(model, size, false);
      if (browserModel) await engine.check(model, false, browserModel.probe);
      await engine.load(file);
    } catch (error) {
      void engine.close();
      throw error;
    }
    const former = this.#engine;
    this.#engine = engine;
    this.#opened = fingerprint;
    void this.#answer.then(() => former?.close());
  }
}
