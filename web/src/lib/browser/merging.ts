/** A newer export under an address where something was taught: both together. */

import type { BrowserModel } from "./browser-model";
import { FIRST_LOCAL_ID, type Example, type Snapshot } from "./local-project";

/** What an export brought. */
export function shipped({ classes, examples }: BrowserModel): Snapshot {
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

/** With it, what was taught here before, but for what has been taken home and has come back with it. */
export function merged({ classes, examples }: Snapshot, kept: Snapshot): Snapshot {
  const home = new Set(examples.map(identity));
  const taught = kept.examples.filter((one) => one.id >= FIRST_LOCAL_ID && !home.has(identity(one)));
  const named = new Map(classes.map(({ id, name }) => [name.toLowerCase(), id]));
  const all = [...classes];
  // A class is found again by its id, then by its name; else it comes along.
  const ids = new Map(
    kept.classes.map((info) => {
      const found = classes.find(({ id }) => id === info.id)?.id ?? named.get(info.name.toLowerCase());
      if (found === undefined && (info.id >= FIRST_LOCAL_ID || taught.some(({ classId }) => classId === info.id))) {
        all.push(info);
      }
      return [info.id, found ?? info.id];
    }),
  );
  const here = taught.map((one) => ({ ...one, classId: ids.get(one.classId) ?? one.classId }));
  return { classes: all, examples: [...examples, ...here], nextId: kept.nextId };
}

function identity({ sha256, createdAt }: Example): string {
  return `${sha256} ${createdAt}`;
}
