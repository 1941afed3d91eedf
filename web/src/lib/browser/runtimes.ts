/** ONNX Runtime for the CPU and for a GPU. Only the one in use is fetched. */

import type * as ort from "onnxruntime-web/wasm";
import gpuModule from "onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url";
import gpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url";
import cpuModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import cpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
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

const MAX_THREADS = 4;

/** Whether there is a real GPU, and a browser that can suspend WebAssembly until it answers. */
export async function hasGpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  if (!gpu || !("Suspending" in WebAssembly)) return false;
  const adapter = await gpu.requestAdapter().catch(() => null);
  return adapter !== null && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false);
}

export async function loadGpuRuntime(packed: boolean): Promise<Runtime> {
  const [runtime, binary] = await Promise.all([import("onnxruntime-web/jspi"), read(gpuBinary, packed)]);
  return configured(runtime, "webgpu", gpuModule, binary, 1);
}

export async function loadCpuRuntime(packed: boolean): Promise<Runtime> {
  const [runtime, binary] = await Promise.all([import("onnxruntime-web/wasm"), read(cpuBinary, packed)]);
  // Threads need shared memory, which only isolated pages have.
  const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MAX_THREADS) : 1;
  return configured(runtime, "wasm", cpuModule, binary, threads);
}

function configured(
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
