import { expect, test } from "vitest";
import { counts, filtered, rowsOf } from "./filter";

const rows = rowsOf({
  revision: 7,
  ids: [5, 4, 3, 2],
  class_ids: [1, 1, 2, 1],
  recording_ids: [9, 9, 8, 7],
  sources: [0, 0, 1, 1],
  source_names: ["camera", "import"],
  created_at: [1000, 1001, 1002, 1003],
});
const any = { classId: null, source: null, recordingId: null };

test("columns become rows", () => {
  expect(rows[2]).toEqual({ id: 3, classId: 2, recordingId: 8, source: "import", createdAt: 1002 });
});

test("a filter keeps what it names, in order", () => {
  const ids = (filter: object) => filtered(rows, { ...any, ...filter }).map(({ id }) => id);
  expect(ids({})).toEqual([5, 4, 3, 2]);
  expect(ids({ classId: 1 })).toEqual([5, 4, 2]);
  expect(ids({ classId: 1, source: "import" })).toEqual([2]);
  expect(ids({ classId: 2, recordingId: 9 })).toEqual([]);
});

test("the counts of a field follow the other fields, not itself", () => {
  expect([...counts(rows, { ...any, classId: 1 }, "classId")]).toEqual([[1, 3], [2, 1]]);
  expect([...counts(rows, { ...any, source: "import" }, "classId")]).toEqual([[2, 1], [1, 1]]);
  expect([...counts(rows, { ...any, classId: 1 }, "source")]).toEqual([["camera", 2], ["import", 1]]);
});
