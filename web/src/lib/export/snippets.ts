/** Lines to copy, with the names of this very project in them, each quoted as its language does it. */

import type { ExportChoice, Snippet } from "../server/backend";

/** What stands for NAME, LABELS, SIZE and THRESHOLD. */
export interface Names {
  /** The name of the file. */
  name: string;
  labels: readonly string[];
  /** The side of the square input, in pixels. */
  size: number;
  /** Null where there is none, or where it is not known yet. */
  threshold: number | null;
}

const PLAIN = /^[\w.@%+=:,/][\w.@%+=:,/-]*$/;

/** Those that have a meaning with what is chosen. */
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
  // There it is an address.
  if (language === "JavaScript") return JSON.stringify(encodeURIComponent(name));
  return name;
}

export function shellQuoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
