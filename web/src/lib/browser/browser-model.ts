/** Read the trained model that ``export/formats/model_file.py`` writes. */

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
  /** Unique to the project. */
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
  /** The ids of the examples with views in the file. */
  viewed: number[];
  rejection_level: number;
  /** Unit vectors of the examples, [n, dimension]. */
  vectors: Float32Array;
  /** Typicality of some examples, each computed without its own recording, ascending. */
  reference_scores: Float32Array;
  /** The adaptive head's metric, and each example's length in it; see ``heads.ts``. */
  centre: Float32Array;
  directions: Float32Array;
  gains: Float32Array;
  lengths: Float32Array;
  /** The embeddings of eight views per id of ``viewed``. */
  views: Float32Array;
  /** The embedding of the picture of ``probe.ts``. */
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

/** Throws an Error with one line for people. */
export function parseBrowserModel(file: ArrayBuffer): BrowserModel {
  const bytes = new Uint8Array(file);
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) throw new Error("model.bin is damaged or not a Classify Anything file.");
  const length = new DataView(file).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Header;
  if (header.version !== VERSION) {
    throw new Error(`model.bin has version ${header.version}; this page reads ${VERSION}. Export it again.`);
  }
  const data = 8 + Math.ceil(length / 4) * 4;
  const numbers = ({ start, length }: Span) => {
    if (data + 4 * (start + length) > file.byteLength) throw new Error("model.bin is incomplete.");
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
    views: decodeFloat16(new Uint16Array(file, data + 4 * arrays.views.start, arrays.views.length)),
    probe: numbers(arrays.probe),
  };
}

/** Convert without ``Float16Array``, which not every browser has. */
function decodeFloat16(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (bits) => {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const value = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    return bits >> 15 ? -value : value;
  });
}

/** Convert int8 vectors, [n, dimension], to unit vectors. */
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
