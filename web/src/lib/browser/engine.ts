/** The page's end of ``engine.worker.ts``: each of its functions, called from here. */

import type { Delivery, Engine, Order } from "./engine.worker";
import EngineWorker from "./engine.worker?worker";

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** The worker begins when ``begin`` has settled. */
export function startEngine(begin: Promise<void>): Engine {
  const waiting = new Map<number, Waiting>();
  let count = 0;
  const started = begin.then(() => {
    const worker = new EngineWorker();
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
      const id = count++;
      waiting.set(id, { resolve, reject });
      void started.then((worker) => worker.postMessage({ id, name, given } satisfies Order));
    });
  return new Proxy({} as Engine, {
    get: (_, name) => (...given: unknown[]) => call(name as keyof Engine, given),
  });
}
