/** Looks at pictures on a thread of its own, so that the page never stutters. */

import { Model, type TrainingExample } from "./model";
import type { Metric, Sample } from "./fitting";
import FittingWorker from "./fitting.worker?worker";
import type { ModelClass } from "./browser-model";
import { parseBrowserModel } from "./browser-model";
import { agrees } from "./probe";
import { Session, type Provider } from "./session";
import { SquareReader } from "./squares";
import { inHalf, makeViews } from "./views";

let session: Session;
let squares: SquareReader;
let model: Model | null = null;
let fitter: Worker | undefined;
let predicting = 0;

/** One fit at a time, on another thread: this one answers meanwhile. */
let fitting: Promise<unknown> = Promise.resolve();

function fit(sample: Sample): Promise<Metric> {
  const fitted = fitting.then(
    () =>
      new Promise<Metric>((resolve, reject) => {
        fitter ??= new FittingWorker();
        fitter.onmessage = ({ data }: MessageEvent<Metric>) => resolve(data);
        fitter.onerror = ({ message }) => reject(new Error(`The metric cannot be fitted (${message}).`));
        fitter.postMessage(sample);
      }),
  );
  fitting = fitted.catch(() => undefined);
  return fitted;
}

/** What the page can ask for; ``engine.ts`` has the same names. */
const ENGINE = {
  async open(model: string, size: number, packed: boolean, provider?: Provider) {
    session = await Session.open(model, size, packed, provider);
    squares = new SquareReader(size);
    return { provider: session.provider, threads: session.threads };
  },

  /**
   * See that this browser gives the numbers that the program gave for the same picture; where the
   * graphics card does not, the processor takes its place.
   */
  async check(model: string, packed: boolean, expected: Float32Array) {
    if (await agrees(session, expected)) return;
    const { provider, size } = session;
    await session.release();
    if (provider === "webgpu") {
      session = await Session.open(model, size, packed, "wasm");
      if (await agrees(session, expected)) return;
    }
    throw new Error("This browser computes other numbers than the program did, so it cannot be trusted.");
  },

  /** Know what is in this file, and nothing else. */
  async know(file: ArrayBuffer | null) {
    model = file && (await Model.open(parseBrowserModel(file), fit, model));
  },

  async predict(picture: Blob) {
    predicting += 1;
    try {
      const times = [performance.now()];
      const pixels = await squares.read(picture);
      times.push(performance.now());
      const vector = await session.embed(pixels);
      times.push(performance.now());
      const prediction = model?.predict(vector) ?? null;
      times.push(performance.now());
      const [decode, backbone, head] = times.slice(1).map((time, step) => time - times[step]!);
      return { prediction, vector, decode: decode!, backbone: backbone!, head: head! };
    } finally {
      predicting -= 1;
    }
  },

  /** The embeddings of a picture's views, each when no prediction is waiting; ``sha256`` is of its bytes. */
  async views(picture: Blob, sha256: string) {
    const found: Float32Array[] = [];
    for (const pixels of makeViews(await squares.read(picture), session.size, sha256)) {
      do await new Promise((resolve) => setTimeout(resolve));
      while (predicting > 0);
      found.push(await session.embed(pixels));
    }
    return Float32Array.from(found.flatMap((vector) => [...vector]), inHalf);
  },

  embed: (pixels: Uint8Array) => session.embed(pixels),
  learn: async (examples: readonly TrainingExample[]) => model?.learn(examples),
  vary: async (id: number, views: Float32Array) => model?.vary(id, views),
  forget: async (ids: readonly number[]) => model?.forget(ids),
  /** Settles when the metric fits what was learnt; answers do not wait for it. */
  fitted: async () => model?.ready,
  arrange: async (classes: readonly ModelClass[]) => model?.arrange(classes),
  configure: async (rejectionLevel: number) => model?.configure(rejectionLevel),
  close: async () => self.close(),
  neighbors: async (id: number, count: number) => model?.neighbors(id, count) ?? [],
};

export type Engine = typeof ENGINE;
export type Order = { id: number; name: keyof Engine; given: unknown[] };
export type Delivery = { id: number; result: unknown } | { id: number; error: string };

self.onmessage = async ({ data: { id, name, given } }: MessageEvent<Order>) => {
  try {
    const act = ENGINE[name] as (...given: unknown[]) => Promise<unknown>;
    self.postMessage({ id, result: await act(...given) } satisfies Delivery);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    self.postMessage({ id, error: message } satisfies Delivery);
  }
};
