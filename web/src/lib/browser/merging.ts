/** Merge a newer export with what was added at its address. */

import type { BrowserModel } from "./browser-model";
import { FIRST_LOCAL_ID, type Example, type Snapshot } from "./local-project";

export function exportedSnapshot({ classes, examples }: BrowserModel): Snapshot {
  return {
    classes,
    examples: examples.ids.map((id, place) => ({
      id,
      classId: examples.class_ids[place] ?? -1,
      recordingId: examples.recording_ids[place] ?? -1,
      source: examples.sources[place] ?? "",
      createdAt: examples.created_at[place] ?? 0,
      sha256: examples.sha256[place] ?? "",
    })),
    nextId: FIRST_LOCAL_ID,
  };
}

/** Add the stored examples that were added here and that the export does not contain already. */
export function mergeSnapshots({ classes, examples }: Snapshot, stored: Snapshot): Snapshot {
  const known = new Set(examples.map(identity));
  const added = stored.examples.filter((one) => one.id >= FIRST_LOCAL_ID && !known.has(identity(one)));
  const named = new Map(classes.map(({ id, name }) => [name.toLowerCase(), id]));
  const all = [...classes];
  // Match a class by id, then by name; otherwise add it.
  const ids = new Map(
    stored.classes.map((info) => {
      const found = classes.find(({ id }) => id === info.id)?.id ?? named.get(info.name.toLowerCase());
      if (found === undefined && (info.id >= FIRST_LOCAL_ID || added.some(({ classId }) => classId === info.id))) {
        all.push(info);
      }
      return [info.id, found ?? info.id];
    }),
  );
  const own = added.map((one) => ({ ...one, classId: ids.get(one.classId) ?? one.classId }));
  return { classes: all, examples: [...examples, ...own], nextId: stored.nextId };
}

function identity({ sha256, createdAt }: Example): string {
  return `${sha256} ${createdAt}`;
}
