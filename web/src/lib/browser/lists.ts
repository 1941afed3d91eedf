/** The lists among the files of an import: ``metadata.csv`` and ``classes.csv`` of ``datasets/metadata.py``. */

import type { LocalFile } from "../files/files";
import type { NewClass } from "./local-project";
import { fromIso } from "./timestamps";

const METADATA = "metadata.csv";
const CLASSES = "classes.csv";

/** What a list tells of one picture. */
export interface Facts {
  label: string | undefined;
  recording: string | undefined;
  source: string | undefined;
  createdAt: number | undefined;
}

export interface Lists {
  pictures: LocalFile[];
  /** By path. */
  facts: ReadonlyMap<string, Facts>;
  /** In their order. */
  classes: readonly NewClass[];
}

export async function readLists(files: readonly LocalFile[]): Promise<Lists> {
  const pictures: LocalFile[] = [];
  const facts = new Map<string, Facts>();
  const classes: NewClass[] = [];
  for (const local of files) {
    const name = nameOf(local.path);
    if (name === METADATA) {
      const folder = local.path.slice(0, -METADATA.length);
      for (const row of await rowsOf(local)) facts.set(folder + (row.get("file_name") ?? ""), factsOf(row));
    } else if (name === CLASSES) {
      // A list with other columns is another program's, and tells nothing.
      for (const row of await rowsOf(local)) {
        const [name, color] = [row.get("name"), Number(row.get("color"))];
        if (name && name.length <= 100 && Number.isInteger(color) && color >= 0) classes.push({ name, color });
      }
    } else pictures.push(local);
  }
  // In the order of the list, as the program takes them; the others after it.
  const places = new Map([...facts.keys()].map((path, place) => [path, place]));
  const place = ({ path }: LocalFile) => places.get(path) ?? places.size;
  return { pictures: pictures.toSorted((a, b) => place(a) - place(b)), facts, classes };
}

function factsOf(row: ReadonlyMap<string, string>): Facts {
  return {
    label: row.get("label"),
    recording: row.get("recording"),
    source: row.get("source"),
    createdAt: fromIso(row.get("created_at") ?? ""),
  };
}

/** Each with the columns that it fills. */
async function rowsOf({ file }: LocalFile): Promise<Map<string, string>[]> {
  const [names = [], ...rows] = parseCsv((await file.text()).replace(/^\ufeff/, ""));
  return rows.map((row) => new Map(names.flatMap((name, place) => (row[place] ? [[name, row[place]]] : []))));
}

function nameOf(path: string): string {
  return path.split("/").at(-1) ?? path;
}

/** RFC 4180. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    if (end === "" && row.length === 0 && !quoted && !plain) break;
    row.push(quoted?.replaceAll('""', '"') ?? plain ?? "");
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
