/** What can be taken out of a page without a server: what was taught there. */

import type { Exports } from "../server/backend";
import type { Packed } from "./zips";

const FORM = {
  id: "taught",
  name: "What was taught here",
  text: "The pictures that were added here, in a folder for each class. They are on this device only: bring them home, and the project that this page was made of takes them in.",
  options: [],
  snippets: [
    { language: "Terminal", code: "classify-anything import NAME -p PROJECT.db" },
    { language: "The page", code: "Drop NAME on the page of the program." },
  ],
} as const;

const AWKWARD = /[^\p{L}\p{N}._-]+/gu;

export function browserExports(
  taught: () => readonly Packed[],
  takeHome: () => Promise<Blob>,
  project: () => string,
): Exports {
  return {
    forms: [FORM],
    sizes: async () => ({ taught: taught().reduce((bytes, { picture }) => bytes + picture.size, 0) }),
    make: async (_form, _choice, report) => {
      report({ text: "Packing", done: 0, total: null });
      const file = await takeHome();
      const address = URL.createObjectURL(file);
      const dispose = () => URL.revokeObjectURL(address);
      const name = `${project().replace(AWKWARD, "-")}-taught.zip`;
      return { name, address, bytes: file.size, notes: await risks(), dispose };
    },
  };
}

/** What a person should know of where it is kept. */
async function risks(): Promise<string[]> {
  const safe = await navigator.storage?.persisted?.().catch(() => false);
  return safe ? [] : ["This browser may forget it when space runs low. Keep the file."];
}
