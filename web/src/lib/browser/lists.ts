/** Read ``metadata.csv`` and ``classes.csv``, as ``datasets/metadata.py`` writes them. */

import Papa from "papaparse";
import type { LocalFile } from "../files/files";
import type { NewClass } from "./local-project";
import { fromIso } from "./timestamps";

const METADATA = "metadata.csv";
const CLASSES = "classes.csv";

export interface ImageMetadata {
  label: string | undefined;
  recording: string | undefined;
  source: string | undefined;
  createdAt: number | undefined;
}

type Row = Partial<Record<string, string>>;

export interface Lists {
  pictures: LocalFile[];
  /** By path. */
  metadata: ReadonlyMap<string, ImageMetadata>;
  classes: readonly NewClass[];
}

export async function readLists(files: readonly LocalFile[]): Promise<Lists> {
  const pictures: LocalFile[] = [];
  const metadata = new Map<string, ImageMetadata>();
  const classes: NewClass[] = [];
  for (const local of files) {
    const name = nameOf(local.path);
    if (name === METADATA) {
      const folder = local.path.slice(0, -METADATA.length);
      for (const row of await rowsOf(local)) metadata.set(folder + (row["file_name"] ?? ""), parseRow(row));
    } else if (name === CLASSES) {
      // A list with other columns comes from another program.
      for (const row of await rowsOf(local)) {
        const [name, color] = [row["name"], Number(row["color"])];
        if (name && name.length <= 100 && Number.isInteger(color) && color >= 0) classes.push({ name, color });
      }
    } else pictures.push(local);
  }
  // Keep the order of the list, as the Python import does.
  const places = new Map([...metadata.keys()].map((path, place) => [path, place]));
  const place = ({ path }: LocalFile) => places.get(path) ?? places.size;
  return { pictures: pictures.toSorted((a, b) => place(a) - place(b)), metadata, classes };
}

/** Ignore empty cells. */
function parseRow(row: Row): ImageMetadata {
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
