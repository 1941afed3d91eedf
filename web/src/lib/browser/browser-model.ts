/** What a project knows, as one file: written by ``export/formats/model_file.py``, read here. */

import { browser_model as FORMAT } from "../../../../src/classify_anything/constants.json";

export interface ModelClass {
  id: number;
  name: string;
  color: number;
}

/** All examples as columns of equal length, oldest first. */
export interface ModelExamples {
  ids: number[];
  class_ids: number[];
  recording_ids: number[];
  sources: string[];
  /** Microseconds since 1970. */
  created_at: number[];
  sha256: string[];
}

export interface BrowserModel {
  version: number;
  project: string;
  /** What no other project has. */
  uid: string;
  revision: number;
  created_at: string;
  package: string;
  backbone: { name: string; fingerprint: string; size: number; dimension: number };
  classes: ModelClass[];
  examples: ModelExamples;
  head: {
    name: "adaptive" | "cosine";
    n_neighbors: number;
    weights: "uniform" | "distance";
    balanced: boolean;
    temperature: number;
  };
  /** The ids of examples whose views come with it. */
  viewed: number[];
  rejection_level: number;
  /** Unit vectors of the examples, [n, dimension]. */
  vectors: Float32Array;
  /** How clearly each of some own examples belonged when its recording was left out, ascending. */
  reference_scores: Float32Array;
  /** Of the adaptive head: its metric, and how long the metric makes each example; see ``heads.ts``. */
  centre: Float32Array;
  directions: Float32Array;
  gains: Float32Array;
  lengths: Float32Array;
  /** The embeddings of views, eight of each of ``viewed``. */
  views: Float32Array;
  /** The embedding of the picture that ``probe.ts`` makes. */
  probe: Float32Array;
}

type Arrays = "vectors" | "reference_scores" | "centre" | "directions" | "gains" | "lengths" | "views" | "probe";

interface Span {
  start: number;
  length: number;
}

type Header = Omit<BrowserModel, Arrays> & {
  arrays: Record<Arrays | "levels", Span>;
};

const { magic: MAGIC, version: VERSION } = FORMAT;

/** Throws an Error with one line that a person understands. */
export function parseBrowserModel(file: ArrayBuffer): BrowserModel {
  const bytes = new Uint8Array(file);
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) throw new Error("model.bin is damaged, or not a file of Classify Anything.");
  const length = new DataView(file).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Header;
  if (header.version !== VERSION) {
    throw new Error(`model.bin has version ${header.version}; this page reads ${VERSION}. Export it again.`);
  }
  const data = 8 + Math.ceil(length / 4) * 4;
  const numbers = ({ start, length }: Span) => {
    if (data + 4 * (start + length) > file.byteLength) throw new Error("model.bin is cut short.");
    return new Float32Array(file, data + 4 * start, length);
  };
  const { arrays, ...rest } = header;
  const levels = new Int8Array(file, data + 4 * arrays.levels.start, arrays.levels.length);
  return {
    ...rest,
    vectors: arrays.levels.length > 0 ? units(levels, rest.backbone.dimension) : numbers(arrays.vectors),
    reference_scores: numbers(arrays.reference_scores),
    centre: numbers(arrays.centre),
    directions: numbers(arrays.directions),
    gains: numbers(arrays.gains),
    lengths: numbers(arrays.lengths),
    views: fromHalves(new Uint16Array(file, data + 4 * arrays.views.start, arrays.views.length)),
    probe: numbers(arrays.probe),
  };
}

/** Numbers in 16 bits; not each browser has a ``Float16Array``. */
function fromHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (bits) => {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const value = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    return bits >> 15 ? -value : value;
  });
}

/** Vectors in 8 bits, [n, dimension], as unit vectors. */
function units(levels: Int8Array, dimension: number): Float32Array {
  const vectors = new Float32Array(levels.length);
  for (let start = 0; start < levels.length; start += dimension) {
    let squares = 0;
    for (let i = start; i < start + dimension; i++) squares += levels[i]! ** 2;
    const length = Math.sqrt(squares) || 1;
    for (let i = start; i < start + dimension; i++) vectors[i] = levels[i]! / length;
  }
  return vectors;
}
