/** ONNX Runtime in two forms: for the processor, and for a graphics card. Only the one in use is fetched. */

import type * as ort from "onnxruntime-web/wasm";
import cardModule from "onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url";
import cardBinary from "onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url";
import processorModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import processorBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { read } from "./files";

export interface Runtime {
  ort: typeof ort;
  provider: "webgpu" | "wasm";
  threads: number;
}

interface Adapter {
  info?: { isFallbackAdapter?: boolean };
  isFallbackAdapter?: boolean;
}

const MOST_THREADS = 4;

/** Whether there is a real graphics card, and a browser in which its answers can be waited for. */
export async function graphicsCard(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  if (!gpu || !("Suspending" in WebAssembly)) return false;
  const adapter = await gpu.requestAdapter().catch(() => null);
  return adapter !== null && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false);
}

export async function onGraphicsCard(packed: boolean): Promise<Runtime> {
  const [runtime, binary] = await Promise.all([import("onnxruntime-web/jspi"), read(cardBinary, packed)]);
  return prepared(runtime, "webgpu", cardModule, binary, 1);
}

export async function onProcessor(packed: boolean): Promise<Runtime> {
  const [runtime, binary] = await Promise.all([import("onnxruntime-web/wasm"), read(processorBinary, packed)]);
  // Without isolation there is no memory that threads could share.
  const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
  return prepared(runtime, "wasm", processorModule, binary, threads);
}

function prepared(
  runtime: typeof ort,
  provider: Runtime["provider"],
  module: string,
  binary: ArrayBuffer,
  threads: number,
): Runtime {
  runtime.env.wasm.wasmPaths = { mjs: new URL(module, self.location.href).href };
  runtime.env.wasm.wasmBinary = binary;
  runtime.env.wasm.numThreads = threads;
  return { ort: runtime, provider, threads };
}
