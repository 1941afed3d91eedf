/** The lists among the files of an import: ``metadata.csv`` and ``classes.csv`` of ``datasets/metadata.py``. */

import Papa from "papaparse";
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

type Row = Partial<Record<string, string>>;

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
      for (const row of await rowsOf(local)) facts.set(folder + (row["file_name"] ?? ""), factsOf(row));
    } else if (name === CLASSES) {
      // A list with other columns is another program's, and tells nothing.
      for (const row of await rowsOf(local)) {
        const [name, color] = [row["name"], Number(row["color"])];
        if (name && name.length <= 100 && Number.isInteger(color) && color >= 0) classes.push({ name, color });
      }
    } else pictures.push(local);
  }
  // In the order of the list, as the program takes them; the others after it.
  const places = new Map([...facts.keys()].map((path, place) => [path, place]));
  const place = ({ path }: LocalFile) => places.get(path) ?? places.size;
  return { pictures: pictures.toSorted((a, b) => place(a) - place(b)), facts, classes };
}

/** An empty cell tells nothing. */
function factsOf(row: Row): Facts {
  return {
    label: row["label"] || undefined,
    recording: row["recording"] || undefined,
    source: row["source"] || undefined,
    createdAt: fromIso(row["created_at"] ?? ""),
  };
}

async function rowsOf({ file }: LocalFile): Promise<Row[]> {
  return Papa.parse<Row>(await file.text(), { delimiter: ",", header: true, skipEmptyLines: true }).data;
}

function nameOf(path: string): string {
  return path.split("/").at(-1) ?? path;
}
