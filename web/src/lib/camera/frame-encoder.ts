import type { EngineResponse, EngineRequest } from "./frame-encoder.worker";
import { PICTURE_SIZE } from "./camera";
import GrabberWorker from "./frame-encoder.worker?worker";
import type { CapturedFrame } from "./frame-source";

export interface Picture {
  jpeg: Uint8Array<ArrayBuffer>;
  /** Capture time, on the clock of performance.now(). */
  capturedAt: number;
  /** Milliseconds from capture to encoding. */
  wait: number;
  /** Milliseconds to crop, scale and compress. */
  encode: number;
}

interface Waiting {
  resolve(jpeg: ArrayBuffer): void;
  reject(error: Error): void;
}

/**
 * Encode pictures in a worker: on its main thread a browser compresses only when idle, which can be
 * 15 ms later during an animation.
 */
export class FrameEncoder {
  readonly #worker = new GrabberWorker();
  readonly #orders = new Map<number, Waiting>();
  #count = 0;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<EngineResponse>) => {
      const order = this.#orders.get(data.id);
      this.#orders.delete(data.id);
      if ("jpeg" in data) order?.resolve(data.jpeg);
      else order?.reject(new Error(data.error));
    };
  }

  /** ``seen`` is the side of the network's input in pixels; the picture is at least as large. */
  async grab({ capturedAt, take }: CapturedFrame, seen = 0): Promise<Picture> {
    const start = performance.now();
    const frame = await take();
    const jpeg = await this.#order({ id: this.#count++, frame, size: Math.max(PICTURE_SIZE, seen) });
    const encode = performance.now() - start;
    return { jpeg: new Uint8Array(jpeg), capturedAt, wait: start - capturedAt, encode };
  }

  #order(order: EngineRequest): Promise<ArrayBuffer> {
    return new Promise((resolve, reject) => {
      this.#orders.set(order.id, { resolve, reject });
      this.#worker.postMessage(order, [order.frame]);
    });
  }
}
