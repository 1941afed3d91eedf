/** The export format of an exported page: the pictures that were added there. */

import type { Exports } from "../server/backend";
import type { ExportedExample } from "./zips";

const FORM = {
  id: "taught",
  name: "Pictures added here",
  text: "The pictures that were added here, in one folder per class. They are on this device only. Download them and add them to the project that this page comes from.",
  options: [],
  snippets: [
    { language: "Terminal", code: "classify-anything import NAME -p PROJECT.db" },
    { language: "The page", code: "Drop NAME onto the program's page." },
  ],
} as const;

const UNSAFE = /[^\p{L}\p{N}._-]+/gu;

export function browserExports(
  taught: () => readonly ExportedExample[],
  exportZip: () => Promise<Blob>,
  project: () => string,
): Exports {
  return {
    forms: [FORM],
    sizes: async () => ({ taught: taught().reduce((bytes, { picture }) => bytes + picture.size, 0) }),
    make: async (_form, _choice, report) => {
      report({ text: "Packing", done: 0, total: null });
      const file = await exportZip();
      const address = URL.createObjectURL(file);
      const dispose = () => URL.revokeObjectURL(address);
      const name = `${project().replace(UNSAFE, "-")}-taught.zip`;
      return { name, address, bytes: file.size, notes: await risks(), dispose };
    },
  };
}

/** Warn if the browser may delete the data. */
async function risks(): Promise<string[]> {
  const safe = await navigator.storage?.persisted?.().catch(() => false);
  return safe ? [] : ["This browser may delete these pictures when space runs low. Keep the file."];
}
