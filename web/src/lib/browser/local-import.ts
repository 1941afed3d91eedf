/** Files, folders and zips become examples of a page without a server. */

import type { LocalFile } from "../files";
import type { ImportInfo } from "../types";
import { unpacked } from "./zips";

const ZIP = /\.zip$/i;
const LIST = "metadata.csv";
const OWN_LISTS = [LIST, "classes.csv"];
const MOST_PROBLEMS = 100;

/** Adds one picture; says whether it was there already, and the change it is part of. */
export type AddPicture = (
  picture: Blob,
  place: { label: string; recording: string },
) => Promise<{ known: boolean; change: number | null }>;

interface Facts {
  label: string | undefined;
  recording: string | undefined;
}

export class LocalImport {
  readonly info: ImportInfo;
  #cancelled = false;
  #files: LocalFile[] = [];

  constructor(id: string) {
    this.info = {
      id,
      status: "uploading",
      done: 0,
      total: null,
      added: 0,
      known: 0,
      problem_count: 0,
      problems: [],
      change: null,
      error: null,
    };
  }

  put(path: string, file: Blob): void {
    this.#files.push({ path, file: new File([file], path.split("/").at(-1) ?? path, { type: file.type }) });
  }

  cancel(): void {
    this.#cancelled = true;
    if (this.info.status === "uploading") this.info.status = "cancelled";
  }

  /** ``label`` is the class of all; without it that of a picture is the folder, or the zip, that it lies in. */
  async run(label: string | null, add: AddPicture): Promise<void> {
    this.info.status = "running";
    const files = await this.#all();
    const facts = await factsOf(files);
    const pictures = files.filter(({ path }) => !OWN_LISTS.includes(path.split("/").at(-1) ?? ""));
    this.info.total = pictures.length;
    for (const { path, file } of pictures) {
      if (this.#cancelled) {
        this.info.status = "cancelled";
        return;
      }
      await this.#one(path, file, label ?? facts.get(path)?.label ?? path.split("/").at(-2) ?? "Pictures", facts.get(path), add);
      this.info.done += 1;
    }
    this.info.status = "done";
  }

  async #one(path: string, file: Blob, label: string, facts: Facts | undefined, add: AddPicture): Promise<void> {
    try {
      const recording = `${this.info.id}:${facts?.recording ?? path}`;
      const { known, change } = await add(file, { label, recording });
      if (known) this.info.known += 1;
      else this.info.added += 1;
      this.info.change = change ?? this.info.change;
    } catch (error) {
      this.#problem(path, error);
    }
  }

  async #all(): Promise<LocalFile[]> {
    const found: LocalFile[] = [];
    for (const local of this.#files) {
      if (!ZIP.test(local.path)) found.push(local);
      else {
        try {
          const stem = local.path.replace(ZIP, "");
          for (const { path, file } of await unpacked(local.file)) found.push({ path: `${stem}/${path}`, file });
        } catch (error) {
          this.#problem(local.path, error);
        }
      }
    }
    return found;
  }

  #problem(name: string, error: unknown): void {
    const message = `${name}: ${error instanceof Error ? error.message : String(error)}`;
    this.info.problem_count += 1;
    if (this.info.problems.length < MOST_PROBLEMS) this.info.problems.push({ name, message, code: "bad_image" });
  }
}

/** What the lists among the files tell, by path. */
async function factsOf(files: readonly LocalFile[]): Promise<Map<string, Facts>> {
  const found = new Map<string, Facts>();
  for (const { path, file } of files.filter(({ path }) => path.endsWith(LIST))) {
    const folder = path.slice(0, -LIST.length);
    const [names = [], ...rows] = parseCsv(await file.text());
    for (const row of rows) {
      const cell = (name: string) => row[names.indexOf(name)] || undefined;
      found.set(folder + (cell("file_name") ?? ""), { label: cell("label"), recording: cell("recording") });
    }
  }
  return found;
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
