/** A test picture with a known embedding; ``export/formats/probe.py`` makes the same one. */

import { product } from "./rows";
import type { Session } from "./session";

/** Cosine similarity of equal embeddings; float16 on a GPU stays above it. */
const MIN_SIMILARITY = 0.999;

export function probePicture(size: number): Uint8Array {
  const pixels = new Uint8Array(size * size * 3);
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) pixels[at++] = (x * (c + 1) + y * (3 - c) + (x * y) / 16) & 255;
    }
  }
  return pixels;
}

export async function agrees(session: Session, expected: Float32Array): Promise<boolean> {
  return product(await session.embed(probePicture(session.size)), 0, expected) > MIN_SIMILARITY;
}
