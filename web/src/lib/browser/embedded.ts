/** An exported page inside another page: it tells that page each answer. See ``public/export/embed.js``. */

import type { PredictionInfo } from "../server/types";

export const embedded = window.parent !== window && new URLSearchParams(location.search).has("embedded");

/** ``names`` are those of the classes, by their ids. */
export function tell(prediction: PredictionInfo, names: ReadonlyMap<number, string>): void {
  if (!embedded) return;
  const probabilities = Object.fromEntries(
    Object.entries(prediction.probabilities).map(([id, probability]) => [names.get(Number(id)) ?? id, probability]),
  );
  const { label, probability } = prediction;
  send("prediction", { label, probability, probabilities });
}

export function tellReady(): void {
  if (embedded) send("ready", null);
}

function send(type: string, detail: unknown): void {
  window.parent.postMessage({ from: "classify-anything", type, detail }, "*");
}
