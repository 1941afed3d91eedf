/** Call the functions of ``engine.worker.ts`` from the page. */

import type { EngineResponse, Engine, EngineRequest } from "./engine.worker";
import EngineWorker from "./engine.worker?worker";

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/**
 * Not comlink: it passes on what a call throws, but a call to a worker that does not load, or stops,
 * never settles. To reject those it would need the same list of waiting calls.
 *
 * The worker starts when ``begin`` has settled.
 */
export function startEngine(begin: Promise<void>): Engine {
  const waiting = new Map<number, Waiting>();
  let count = 0;
  let broken: Error | null = null;
  const started = begin.then(() => {
    const worker = new EngineWorker();
    worker.onerror = ({ message }) => {
      broken = new Error(`The part that predicts pictures has stopped (${message || "no reason given"}). Load the page again.`);
      for (const { reject } of waiting.values()) reject(broken);
      waiting.clear();
    };
    worker.onmessage = ({ data }: MessageEvent<EngineResponse>) => {
      const request = waiting.get(data.id);
      waiting.delete(data.id);
      if ("error" in data) request?.reject(new Error(data.error));
      else request?.resolve(data.result);
    };
    return worker;
  });
  const call = (name: keyof Engine, args: unknown[]) =>
    new Promise((resolve, reject) => {
      if (broken) return reject(broken);
      const id = count++;
      waiting.set(id, { resolve, reject });
      void started.then((worker) => worker.postMessage({ id, name, args } satisfies EngineRequest));
    });
  return new Proxy({} as Engine, {
    get: (_, name) => (...args: unknown[]) => call(name as keyof Engine, args),
  });
}
