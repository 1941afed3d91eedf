/** The backbone, run by ONNX Runtime in this browser: on a graphics card where there is a real one. */

import type { InferenceSession, TypedTensor } from "onnxruntime-web/wasm";
import { read } from "./files";
import { graphicsCard, onGraphicsCard, onProcessor, type Runtime } from "./runtimes";

export type Provider = "webgpu" | "wasm";

export class Session {
  readonly provider: Provider;
  readonly threads: number;
  readonly size: number;
  readonly #runtime: Runtime["ort"];
  readonly #session: InferenceSession;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(runtime: Runtime, session: InferenceSession, size: number) {
    this.#runtime = runtime.ort;
    this.provider = runtime.provider;
    this.threads = runtime.threads;
    this.#session = session;
    this.size = size;
  }

  /** ``packed``: the files lie there gzipped, and these are fetched. */
  static async open(model: string, size: number, packed: boolean, provider?: Provider): Promise<Session> {
    const card = provider === "wasm" ? false : provider === "webgpu" || (await graphicsCard());
    const graph = read(model, packed);
    graph.catch(() => undefined); // It is told when it is waited for.
    if (card) {
      try {
        return await Session.#start(await onGraphicsCard(packed), await graph, size);
      } catch {
        // Then the processor does it.
      }
    }
    return Session.#start(await onProcessor(packed), await graph, size);
  }

  static async #start(runtime: Runtime, graph: ArrayBuffer, size: number): Promise<Session> {
    const session = await runtime.ort.InferenceSession.create(graph.slice(0), {
      executionProviders: [runtime.provider],
      logSeverityLevel: 4,
    });
    return new Session(runtime, session, size);
  }

  /** RGB pixels, [size, size, 3], to their embedding: one at a time, as the runtime on a graphics card can no more. */
  embed(pixels: Uint8Array): Promise<Float32Array> {
    const found = this.#turn.then(() => this.#embed(pixels));
    this.#turn = found.catch(() => undefined);
    return found;
  }

  async #embed(pixels: Uint8Array): Promise<Float32Array> {
    const image = new this.#runtime.Tensor("uint8", pixels, [1, this.size, this.size, 3]);
    const { embedding } = await this.#session.run({ image }, ["embedding"]);
    return (embedding as TypedTensor<"float32">).data;
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
