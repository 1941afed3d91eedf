/** Fit the metric: the TypeScript version of ``heads/metric.py``. */

import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { head as HEAD } from "../../../../src/classify_anything/constants.json";
import { product } from "./rows";

/** ``centre`` [d], ``directions`` [r, d] and ``gains`` [r]; see ``heads/parameters.py``. */
export interface Metric {
  centre: Float32Array;
  directions: Float32Array;
  gains: Float32Array;
}

export interface Sample {
  dimension: number;
  /** [n, d], unit vectors. */
  vectors: Float32Array;
  /** [n] each. */
  classes: number[];
  recordings: number[];
  /** The embeddings of views, [8, d], by position of the example. */
  views: Map<number, Float32Array>;
}

export function fitMetric({ dimension, vectors, classes, recordings, views }: Sample): Metric {
  const taught = [...new Set(classes)];
  const [weights, count] = recordingWeights(classes, recordings);
  const units = split(vectors, dimension);
  const means = new Map(taught.map((id) => [id, new Float64Array(dimension)]));
  units.forEach((unit, i) => addTo(means.get(classes[i]!)!, unit, weights[i]!));
  const centre = new Float64Array(dimension);
  for (const mean of means.values()) addTo(centre, mean, 1 / taught.length);

  const deviations = units.map((unit, i) => {
    const [mean, root] = [means.get(classes[i]!)!, Math.sqrt(weights[i]!)];
    return Float64Array.from(unit, (value, j) => (value - mean[j]!) * root);
  });
  const viewRows = [...views].flatMap(([i, own]) => contrasts([...split(own, dimension), units[i]!], weights[i]!));
  const [own, seen] = [traceOf(deviations), traceOf(viewRows)];
  const fading = Math.min(1, (HEAD.few_recordings * taught.length) / count) ** 2;
  const ofViews = own > HEAD.smallest_scatter ? HEAD.view_weight * fading : 1;
  const ownScale = own > HEAD.smallest_scatter ? 1 / own : 0;
  const viewScale = seen > HEAD.smallest_scatter ? ofViews / seen : 0;
  const rank = (ownScale && units.length - taught.length) + (viewScale && viewRows.length);
  const shrinkage =
    (HEAD.shrinkage * (own * ownScale + seen * viewScale)) / Math.max(Math.min(rank, dimension), 1);
  const rows = [...scaled(deviations, ownScale), ...scaled(viewRows, viewScale)];
  return { centre: Float32Array.from(centre), ...whitening(rows, shrinkage) };
}

/** Return scaled Helmert contrasts: one fewer than vectors, with their covariance times a weight. */
function contrasts(vectors: readonly Float32Array[], weight: number): Float64Array[] {
  const mean = Float64Array.from(vectors[0]!);
  return vectors.slice(1).map((vector, i) => {
    const root = Math.sqrt((weight / vectors.length) * ((i + 1) / (i + 2)));
    return Float64Array.from(vector, (value, j) => {
      const difference = value - mean[j]!;
      mean[j]! += difference / (i + 2);
      return difference * root;
    });
  });
}

/** Return the directions with any scatter, most first, and the loss of a vector in each. */
function whitening(deviations: Float64Array[], shrinkage: number): Omit<Metric, "centre"> {
  const dimension = deviations[0]?.length ?? 0;
  if (dimension === 0) return { directions: new Float32Array(), gains: new Float32Array() };
  const rows = new Matrix(deviations);
  // The Gram matrix has the same eigenvalues and is smaller while there are few examples.
  const wide = rows.rows < dimension;
  const gram = (wide ? rows.transpose() : rows).gram();
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(gram, { assumeSymmetric: true });
  const found = realEigenvalues
    .flatMap((value, column) => (value > HEAD.smallest_eigenvalue * shrinkage ? [{ value, column }] : []))
    .sort((a, b) => b.value - a.value)
    .slice(0, HEAD.max_directions);
  const directions = new Float32Array(found.length * dimension);
  found.forEach(({ value, column }, place) => {
    const vector = eigenvectorMatrix.getColumn(column);
    const direction = wide ? new Float64Array(dimension) : Float64Array.from(vector);
    if (wide) vector.forEach((share, i) => addTo(direction, deviations[i]!, share / Math.sqrt(value)));
    directions.set(direction, place * dimension);
  });
  return { directions, gains: Float32Array.from(found, ({ value }) => Math.sqrt(shrinkage / (value + shrinkage)) - 1) };
}

/** Return weights that balance the recordings of a class, and the number of recordings. */
function recordingWeights(classes: readonly number[], recordings: readonly number[]): [number[], number] {
  const sizes = new Map<string, number>();
  const names = classes.map((id, i) => `${id} ${recordings[i]}`);
  for (const name of names) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  const perClass = new Map<number, number>();
  for (const name of sizes.keys()) perClass.set(parseInt(name), (perClass.get(parseInt(name)) ?? 0) + 1);
  return [names.map((name, i) => 1 / (perClass.get(classes[i]!)! * sizes.get(name)!)), sizes.size];
}

function split(vectors: Float32Array, dimension: number): Float32Array[] {
  return Array.from({ length: vectors.length / dimension }, (_, i) => vectors.subarray(i * dimension, (i + 1) * dimension));
}

function scaled(rows: readonly ArrayLike<number>[], scale: number): Float64Array[] {
  return scale === 0 ? [] : rows.map((row) => Float64Array.from(row, (value) => value * Math.sqrt(scale)));
}

function traceOf(rows: readonly (Float32Array | Float64Array)[]): number {
  return rows.reduce((total, row) => total + product(row, 0, row), 0);
}

function addTo(total: Float64Array, vector: ArrayLike<number>, weight: number): void {
  for (let i = 0; i < total.length; i++) total[i]! += weight * vector[i]!;
}
