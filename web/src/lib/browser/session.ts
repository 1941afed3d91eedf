/** Run the backbone in ONNX Runtime, on a GPU if there is a real one. */

import type { InferenceSession, TypedTensor } from "onnxruntime-web/wasm";
import { read } from "./files";
import { hasGpu, loadGpuRuntime, loadCpuRuntime, type Runtime } from "./runtimes";

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

  /** ``packed``: the files are gzipped. */
  static async open(model: string, size: number, packed: boolean, provider?: Provider): Promise<Session> {
    const gpu = provider === "wasm" ? false : provider === "webgpu" || (await hasGpu());
    const graph = read(model, packed);
    graph.catch(() => undefined); // The caller gets the error when it awaits the graph.
    if (gpu) {
      try {
        return await Session.#start(await loadGpuRuntime(packed), await graph, size);
      } catch {
        // Fall back to the CPU.
      }
    }
    return Session.#start(await loadCpuRuntime(packed), await graph, size);
  }

  static async #start(runtime: Runtime, graph: ArrayBuffer, size: number): Promise<Session> {
    const session = await runtime.ort.InferenceSession.create(graph.slice(0), {
      executionProviders: [runtime.provider],
      logSeverityLevel: 4,
    });
    return new Session(runtime, session, size);
  }

  /** Embed RGB pixels, [size, size, 3], one picture at a time: ONNX Runtime on a GPU supports no more. */
  embed(pixels: Uint8Array): Promise<Float32Array> {
    const embedding = this.#turn.then(() => this.#embed(pixels));
    this.#turn = embedding.catch(() => undefined);
    return embedding;
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
