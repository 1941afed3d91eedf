/** What can be taken out of a page without a server: what was taught there. */

import type { Exports } from "../backend";

const FORM = {
  id: "zip",
  name: "What was taught here",
  text: "The pictures that were added on this device, in a folder for each class. Bring them home: the project that this page was made of takes them in.",
  options: [],
  snippets: [
    { language: "Terminal", code: "classify-anything import NAME -p PROJECT.db" },
    { language: "The page", code: "Drop NAME on the page of the program." },
  ],
} as const;

export function browserExports(takeHome: () => Promise<Blob>, project: () => string): Exports {
  return {
    forms: [FORM],
    sizes: async () => ({}),
    make: async (_form, _choice, report) => {
      report({ text: "Packing", done: 0, total: null });
      const file = await takeHome();
      const address = URL.createObjectURL(file);
      const dispose = () => URL.revokeObjectURL(address);
      return { name: `${project()} taught.zip`, address, bytes: file.size, notes: [], dispose };
    },
  };
}
