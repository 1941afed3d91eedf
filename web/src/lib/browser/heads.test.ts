/** The heads against ``golden/head.json``, which ``tests/golden.py`` wrote with the Python heads. */

import { expect, test } from "vitest";
import { Model, rowsOfExport } from "./model";
import { fitMetric } from "./fitting";
import golden from "./golden/head.json";
import { makeHead, type Decision, type Fit } from "./heads";
import type { BrowserModel } from "./browser-model";
import { product, Rows } from "./rows";

const fit: Fit = async (sample) => fitMetric(sample);

type Case = (typeof golden)["cases"][number];
type Expected = Omit<(typeof golden)["large"]["decisions"][number], "share">;

function unit(vector: number[] | Float64Array): Float32Array {
  const found = new Float32Array(vector.length);
  const length = Math.sqrt(product(vector, 0, vector));
  for (let i = 0; i < found.length; i++) found[i] = vector[i]! / length;
  return found;
}

function browserModelOf({ classes, steps, ...exportedSnapshot }: Case, rejectionLevel = 0): BrowserModel {
  const { ids, class_ids, recording_ids, vectors } = steps[0]!.add;
  const arrays = ["centre", "directions", "gains", "lengths", "views", "reference_scores"] as const;
  return {
    head: exportedSnapshot.head,
    viewed: exportedSnapshot.viewed,
    backbone: { dimension: vectors[0]!.length },
    classes: classes.map((id) => ({ id, name: `class ${id}`, color: 0 })),
    examples: { ids, class_ids, recording_ids },
    vectors: Float32Array.from(vectors.flatMap((vector) => [...unit(vector)])),
    rejection_level: rejectionLevel,
    ...Object.fromEntries(arrays.map((name) => [name, Float32Array.from(exportedSnapshot[name])])),
  } as unknown as BrowserModel;
}

function put(rows: Rows, { ids, class_ids, recording_ids, vectors }: Case["steps"][number]["add"]): void {
  ids.forEach((id, i) => rows.put(id, class_ids[i]!, recording_ids[i]!, unit(vectors[i]!)));
}

function compare(rows: Rows, found: Decision, expected: Expected): void {
  expected.probabilities.forEach((value, i) => expect(found.probabilities[i]).toBeCloseTo(value, 4));
  expect(found.typicality).toBeCloseTo(expected.typicality, 4);
  expect(found.near.map(({ slot }) => rows.idOf(slot))).toEqual(expected.neighbors);
  expected.similarities.forEach((value, i) => expect(found.near[i]!.similarity).toBeCloseTo(value, 4));
}

test.each(golden.cases)("$name", async (one) => {
  const browserModel = browserModelOf(one);
  const rows = rowsOfExport(browserModel);
  const head = makeHead(rows, browserModel, fit);
  await head.ready;
  for (const [number, { add, remove, queries, decisions }] of one.steps.entries()) {
    if (number > 0) {
      rows.drop(remove);
      put(rows, add);
      head.follow(remove.length + add.ids.length);
      await head.ready;
    }
    queries.forEach((query, i) => compare(rows, head.decide(unit(query)), decisions[i]!));
    // Fitted here, the metric is the same as the one that came with the export.
    head.follow(1);
    await head.ready;
    queries.forEach((query, i) => compare(rows, head.decide(unit(query)), decisions[i]!));
  }
});

test.each(golden.cases)("$name: none of these", async (one) => {
  const { queries, decisions } = one.steps[0]!;
  const rejectionLevel = 0.2;
  const model = await Model.open(browserModelOf(one, rejectionLevel), fit);
  queries.forEach((query, i) => {
    const { class_id, typicality, neighbors } = model.predict(unit(query));
    const expected = decisions[i]!;
    expect(neighbors.map(({ example_id }) => example_id)).toEqual(expected.neighbors);
    if (expected.share === null) return;
    expect(typicality).toBeCloseTo(expected.share, 5);
    expect(class_id === null).toBe(expected.share < rejectionLevel);
  });
});

test("a fit of many examples keeps no answer waiting, and takes evenly of all classes", async () => {
  const one = golden.cases.find(({ name }) => name === "adaptive: recordings and views")!;
  const rows = new Rows(12);
  rows.classes = [1, 2];
  const vectorOf = (id: number) => unit(Array.from({ length: 12 }, (_, j) => randomValue(12 * id + j) + (id % 12 === j ? 1 : 0)));
  for (let id = 0; id < 1000; id++) rows.put(id, id < 900 ? 1 : 2, id, vectorOf(id));
  let begin!: () => void;
  const asked = new Promise<void>((resolve) => (begin = resolve));
  const fits: number[][] = [];
  const head = makeHead(rows, browserModelOf(one), async (sample) => {
    fits.push([1, 2].map((id) => sample.classes.filter((own) => own === id).length));
    await asked;
    return fitMetric(sample);
  });
  await head.ready;
  const before = head.decide(vectorOf(5)).typicality;
  head.follow(100);
  expect(fits).toEqual([]);
  head.follow(1);
  expect(fits).toEqual([[380, 100]]);
  expect(head.decide(vectorOf(5)).typicality).toBe(before);
  begin();
  await head.ready;
  expect(head.decide(vectorOf(5)).typicality).not.toBe(before);
});

test("32,768 examples, of which Python compares only candidates", async () => {
  const { count, dimension, classes, burst, queries, decisions, ...exportedSnapshot } = golden.large;
  const rows = new Rows(dimension);
  rows.classes = [...Array(classes).keys()];
  const vectorOf = (n: number, change = (_: number) => 0) => {
    const [group, vector] = [Math.floor(n / burst), new Float64Array(dimension)];
    for (let j = 0; j < dimension; j++) {
      vector[j] =
        randomValue((group % classes) * dimension + j) +
        randomValue(10_000 + group * dimension + j) +
        0.1 * randomValue(20_000_000 + n * dimension + j) +
        change(j);
    }
    return unit(vector);
  };
  for (let n = 0; n < count; n++) rows.put(n, Math.floor(n / burst) % classes, n, vectorOf(n));
  const arrays = ["centre", "directions", "gains", "lengths"] as const;
  const numbers = Object.fromEntries(arrays.map((name) => [name, Float32Array.from(exportedSnapshot[name])]));
  const head = makeHead(rows, { head: exportedSnapshot.head, ...numbers } as unknown as BrowserModel, fit);
  await head.ready;
  queries.forEach((query, i) => {
    const near = vectorOf(query, (j) => 0.1 * randomValue(40_000_000 + query * dimension + j));
    compare(rows, head.decide(near), decisions[i]!);
  });
});

/** From -0.5 to 0.5; the same as ``random_value`` in ``tests/golden.py``. */
function randomValue(seed: number): number {
  let value = Math.imul(seed, 2654435761);
  value = Math.imul(value ^ (value >>> 15), 2246822519);
  value = Math.imul(value ^ (value >>> 13), 3266489917);
  return ((value ^ (value >>> 16)) >>> 0) / 2 ** 32 - 0.5;
}
