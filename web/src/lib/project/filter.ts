/** Filter the examples. */

import type { ExampleIndex } from "../server/types";

export interface Row {
  id: number;
  classId: number;
  recordingId: number;
  source: string;
  /** Seconds since 1970. */
  createdAt: number;
}

export interface Filter {
  classId: number | null;
  source: string | null;
  recordingId: number | null;
}

export function rowsOf(index: ExampleIndex): Row[] {
  return index.ids.map((id, place) => ({
    id,
    classId: index.class_ids[place] ?? 0,
    recordingId: index.recording_ids[place] ?? 0,
    source: index.source_names[index.sources[place] ?? 0] ?? "",
    createdAt: index.created_at[place] ?? 0,
  }));
}

export function filtered(rows: readonly Row[], filter: Filter): readonly Row[] {
  const { classId, source, recordingId } = filter;
  if (classId === null && source === null && recordingId === null) return rows;
  return rows.filter(
    (row) =>
      (classId === null || row.classId === classId) &&
      (source === null || row.source === source) &&
      (recordingId === null || row.recordingId === recordingId),
  );
}

/** Count the examples by the values of one field, under the filters of the other fields. */
export function counts<Field extends keyof Filter & keyof Row>(
  rows: readonly Row[],
  filter: Filter,
  field: Field,
): Map<Row[Field], number> {
  const found = new Map<Row[Field], number>();
  for (const row of filtered(rows, { ...filter, [field]: null })) {
    found.set(row[field], (found.get(row[field]) ?? 0) + 1);
  }
  return found;
}
