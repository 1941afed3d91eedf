/** The page's end of ``engine.worker.ts``: each of its functions, called from here. */

import type { Delivery, Engine, Order } from "./engine.worker";
import EngineWorker from "./engine.worker?worker";

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/**
 * Not comlink: it passes on what a call throws, but a call to a worker that does not load, or stops,
 * never settles. To reject those it would need the same list of waiting calls.
 *
 * The worker begins when ``begin`` has settled.
 */
export function startEngine(begin: Promise<void>): Engine {
  const waiting = new Map<number, Waiting>();
  let count = 0;
  let broken: Error | null = null;
  const started = begin.then(() => {
    const worker = new EngineWorker();
    worker.onerror = ({ message }) => {
      broken = new Error(`The part that looks at pictures has stopped (${message || "no reason given"}). Load the page again.`);
      for (const { reject } of waiting.values()) reject(broken);
      waiting.clear();
    };
    worker.onmessage = ({ data }: MessageEvent<Delivery>) => {
      const order = waiting.get(data.id);
      waiting.delete(data.id);
      if ("error" in data) order?.reject(new Error(data.error));
      else order?.resolve(data.result);
    };
    return worker;
  });
  const call = (name: keyof Engine, given: unknown[]) =>
    new Promise((resolve, reject) => {
      if (broken) return reject(broken);
      const id = count++;
      waiting.set(id, { resolve, reject });
      void started.then((worker) => worker.postMessage({ id, name, given } satisfies Order));
    });
  return new Proxy({} as Engine, {
    get: (_, name) => (...given: unknown[]) => call(name as keyof Engine, given),
  });
}
