/** Code to copy, with the project's names quoted for each language. */

import type { ExportChoice, Snippet } from "../server/backend";

/** The values of NAME, LABELS, SIZE and THRESHOLD. */
export interface Names {
  /** The name of the file. */
  name: string;
  labels: readonly string[];
  /** The side of the square input, in pixels. */
  size: number;
  /** Null if there is none, or if it is unknown. */
  threshold: number | null;
}

const PLAIN = /^[\w.@%+=:,/][\w.@%+=:,/-]*$/;

/** The snippets for the chosen options. */
export function chosenSnippets(snippets: readonly Snippet[], choice: ExportChoice): Snippet[] {
  const on = (option: string) => choice[option] === true;
  return snippets.filter(({ when, unless }) => (!when || on(when)) && (!unless || !on(unless)));
}

export function filled({ language, code }: Snippet, { name, labels, size, threshold }: Names): string {
  const values: Record<string, string> = {
    NAME: quoted(language, name),
    LABELS: JSON.stringify(labels),
    SIZE: String(size),
    THRESHOLD: threshold === null ? "-Infinity" : String(threshold),
  };
  return code.replace(/\b(NAME|LABELS|SIZE|THRESHOLD)\b/g, (word) => values[word] ?? word);
}

function quoted(language: string, name: string): string {
  if (language === "Terminal") return shellQuoted(name);
  if (language === "Python") return JSON.stringify(name);
  // A page address, not a file name.
  if (language === "JavaScript") return JSON.stringify(encodeURIComponent(name));
  return name;
}

export function shellQuoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
