/** Post each prediction to the page that embeds this one. See ``public/export/embed.js``. */

import type { PredictionInfo } from "../server/types";

export const embedded = window.parent !== window && new URLSearchParams(location.search).has("embedded");

/** ``names``: class names by id. */
export function postPrediction(prediction: PredictionInfo, names: ReadonlyMap<number, string>): void {
  if (!embedded) return;
  const probabilities = Object.fromEntries(
    Object.entries(prediction.probabilities).map(([id, probability]) => [names.get(Number(id)) ?? id, probability]),
  );
  const { label, probability } = prediction;
  send("prediction", { label, probability, probabilities });
}

export function postReady(): void {
  if (embedded) send("ready", null);
}

function send(type: string, detail: unknown): void {
  window.parent.postMessage({ from: "classify-anything", type, detail }, "*");
}
