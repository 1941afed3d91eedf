/** Embed and predict pictures in a worker, so that the page stays responsive. */

import { Model, type TrainingExample } from "./model";
import type { Metric, Sample } from "./fitting";
import FittingWorker from "./fitting.worker?worker";
import type { ModelClass } from "./browser-model";
import { parseBrowserModel } from "./browser-model";
import { agrees } from "./probe";
import { Session, type Provider } from "./session";
import { SquareReader } from "./squares";
import { roundToFloat16, makeViews } from "./views";

let session: Session;
let squares: SquareReader;
let model: Model | null = null;
let fitter: Worker | undefined;
let predicting = 0;

/** One fit at a time, in another worker, so that this one keeps predicting. */
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

/** The functions that the page can call through ``engine.ts``. */
const ENGINE = {
  async open(model: string, size: number, packed: boolean, provider?: Provider) {
    session = await Session.open(model, size, packed, provider);
    squares = new SquareReader(size);
    return { provider: session.provider, threads: session.threads };
  },

  /**
   * Check that this browser computes the same embedding of the probe picture as the program. If a GPU
   * does not, use the CPU.
   */
  async check(model: string, packed: boolean, expected: Float32Array) {
    if (await agrees(session, expected)) return;
    const { provider, size } = session;
    await session.release();
    if (provider === "webgpu") {
      session = await Session.open(model, size, packed, "wasm");
      if (await agrees(session, expected)) return;
    }
    throw new Error("This browser computes different numbers than the program, so its answers would be wrong.");
  },

  /** Replace the model. */
  async load(file: ArrayBuffer | null) {
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

  /** Embed a picture's views while no prediction is waiting; ``sha256`` is of its bytes. */
  async views(picture: Blob, sha256: string) {
    const found: Float32Array[] = [];
    for (const pixels of makeViews(await squares.read(picture), session.size, sha256)) {
      do await new Promise((resolve) => setTimeout(resolve));
      while (predicting > 0);
      found.push(await session.embed(pixels));
    }
    return Float32Array.from(found.flatMap((vector) => [...vector]), roundToFloat16);
  },

  embed: (pixels: Uint8Array) => session.embed(pixels),
  learn: async (examples: readonly TrainingExample[]) => model?.learn(examples),
  setViews: async (id: number, views: Float32Array) => model?.setViews(id, views),
  forget: async (ids: readonly number[]) => model?.forget(ids),
  /** Settles when the metric fits all examples; predictions do not wait for it. */
  fitted: async () => model?.ready,
  setClasses: async (classes: readonly ModelClass[]) => model?.setClasses(classes),
  configure: async (rejectionLevel: number) => model?.configure(rejectionLevel),
  close: async () => self.close(),
  neighbors: async (id: number, count: number) => model?.neighbors(id, count) ?? [],
};

export type Engine = typeof ENGINE;
export type EngineRequest = { id: number; name: keyof Engine; args: unknown[] };
export type EngineResponse = { id: number; result: unknown } | { id: number; error: string };

self.onmessage = async ({ data: { id, name, args } }: MessageEvent<EngineRequest>) => {
  try {
    const act = ENGINE[name] as (...args: unknown[]) => Promise<unknown>;
    self.postMessage({ id, result: await act(...args) } satisfies EngineResponse);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    self.postMessage({ id, error: message } satisfies EngineResponse);
  }
};
