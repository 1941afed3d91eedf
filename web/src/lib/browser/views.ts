/** Views of an example, altered copies of its picture: the TypeScript version of ``backbones/views.py``. */

import { views as VIEWS } from "../../../../src/classify_anything/constants.json";

interface Known {
  id: number;
  classId: number;
  recordingId: number;
}

type Row = [scale: number, x: number, y: number, degrees: number, brightness: number, saturation: number, contrast: number];

/** Return the views of RGB pixels, [size, size, 3], bit-identical to those of Python's Pillow. */
export function makeViews(square: Uint8Array, size: number, sha256: string): Uint8Array[] {
  const first = (parseInt(sha256.slice(0, 2), 16) * VIEWS.per_example) % VIEWS.table.length;
  const fill = [0, 1, 2].map((c) => Math.round(sum(square, c, 3) / size ** 2));
  return (VIEWS.table as Row[]).slice(first, first + VIEWS.per_example).map((row) => view(square, size, fill, row));
}

function view(square: Uint8Array, size: number, fill: readonly number[], row: Row): Uint8Array {
  const [, , , , brightness, saturation, contrast] = row;
  const pixels = turned(square, size, fill, row);
  blend(pixels, () => 0, brightness);
  blend(pixels, grey, saturation);
  let greys = 0;
  for (let at = 0; at < pixels.length; at += 3) greys += grey(pixels, at);
  const mean = Math.floor(greys / size ** 2 + 0.5);
  blend(pixels, () => mean, contrast);
  return pixels;
}

/** Cut a window, rotated about its centre, with bilinear interpolation. */
function turned(square: Uint8Array, size: number, fill: readonly number[], [scale, x, y, degrees]: Row): Uint8Array {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  const half = size / 2;
  const [centerX, centerY] = [x, y].map((place) => size * (place * (1 - scale) + scale / 2)) as [number, number];
  const [left, top] = [centerX - half * (cos + sin), centerY - half * (cos - sin)];
  const found = new Uint8Array(square.length);
  const clip = (place: number) => Math.min(Math.max(place, 0), size - 1);
  for (let to = 0; to < found.length; to += 3) {
    const [column, row] = [((to / 3) % size) + 0.5, Math.floor(to / 3 / size) + 0.5];
    const [fromX, fromY] = [cos * column + sin * row + left, cos * row - sin * column + top];
    if (fromX < 0 || fromX >= size || fromY < 0 || fromY >= size) {
      found.set(fill, to);
      continue;
    }
    const [x0, y0] = [Math.floor(fromX - 0.5), Math.floor(fromY - 0.5)];
    const [dx, dy] = [fromX - 0.5 - x0, fromY - 0.5 - y0];
    const [west, east] = [3 * clip(x0), 3 * clip(x0 + 1)];
    const [north, south] = [3 * size * clip(y0), 3 * size * clip(y0 + 1)];
    for (let c = 0; c < 3; c++) {
      const upper = between(square[north + west + c]!, square[north + east + c]!, dx);
      const lower = between(square[south + west + c]!, square[south + east + c]!, dx);
      found[to + c] = between(upper, lower, dy);
    }
  }
  return found;
}

function between(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

/** Move each pixel away from a grey by a factor, in place, in float32 as Pillow does. */
function blend(pixels: Uint8Array, greyOf: (pixels: Uint8Array, at: number) => number, factor: number): void {
  const alpha = Math.fround(factor);
  for (let at = 0; at < pixels.length; at += 3) {
    const from = greyOf(pixels, at);
    for (let i = at; i < at + 3; i++) {
      const value = Math.fround(from + Math.fround(alpha * (pixels[i]! - from)));
      pixels[i] = Math.min(Math.max(value, 0), 255);
    }
  }
}

function grey(pixels: Uint8Array, at: number): number {
  return (pixels[at]! * 19595 + pixels[at + 1]! * 38470 + pixels[at + 2]! * 7471 + 0x8000) >> 16;
}

function sum(values: Uint8Array, first: number, step: number): number {
  let total = 0;
  for (let i = first; i < values.length; i += step) total += values[i]!;
  return total;
}

/** Round to the 11 significant bits of a float16, as the program stores views (Dekker's splitting). */
export function roundToFloat16(value: number): number {
  const high = value * (2 ** 42 + 1);
  return high - (high - value);
}

/** Return the ids of the examples that should have views, oldest first. */
export function examplesForViews(examples: readonly Known[]): number[] {
  const recordings = new Map<string, number>();
  const classes = new Map<number, number>();
  const nameOf = ({ classId, recordingId }: Known) => `${classId} ${recordingId}`;
  for (const one of examples) {
    recordings.set(nameOf(one), 0);
    classes.set(one.classId, 0);
  }
  if (recordings.size > VIEWS.enough_recordings * classes.size) return [];
  const wanted: number[] = [];
  for (const one of [...examples].sort((a, b) => a.id - b.id)) {
    const [seen, chosen] = [recordings.get(nameOf(one))!, classes.get(one.classId)!];
    recordings.set(nameOf(one), seen + 1);
    if (!VIEWS.of_a_recording.includes(seen) || chosen >= VIEWS.of_a_class) continue;
    classes.set(one.classId, chosen + 1);
    wanted.push(one.id);
  }
  return wanted;
}
