/** Files, folders and zips become examples of a page without a server. */

import type { LocalFile } from "../files/files";
import type { ImportInfo } from "../server/types";
import { messageOf } from "../page/words";
import { readLists, type Facts } from "./lists";
import type { NewClass } from "./local-project";
import { imports as IMPORTS } from "../../../../src/classify_anything/constants.json";
import { unpacked } from "./zips";

const ZIP = /\.zip$/i;
const NOTHING: Facts = { label: undefined, recording: undefined, source: undefined, createdAt: undefined };

/** What an import tells of a picture; ``classes`` are all that come with it. */
export interface Place extends Facts {
  label: string;
  recording: string;
  classes: readonly NewClass[];
}

/** Adds one picture; says whether it was there already, and the change it is part of. */
export type AddPicture = (picture: Blob, place: Place) => Promise<{ known: boolean; change: number | null }>;

export class LocalImport {
  readonly info: ImportInfo;
  #cancelled = false;
  #files: LocalFile[] = [];
  #running: Promise<void> = Promise.resolve();

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

  /** Settles when nothing more of it comes. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    if (this.info.status === "uploading") this.info.status = "cancelled";
    await this.#running;
  }

  /** ``label`` is the class of all; without it that of a picture is the folder, or the zip, that it lies in. */
  start(label: string | null, add: AddPicture): void {
    this.info.status = "running";
    this.#running = this.#run(label, add).catch((error: unknown) => {
      this.info.status = "failed";
      this.info.error = { code: "failed", message: messageOf(error) };
    });
  }

  async #run(label: string | null, add: AddPicture): Promise<void> {
    const { pictures, facts, classes } = await readLists(await this.#all());
    this.info.total = pictures.length;
    for (const { path, file } of pictures) {
      if (this.#cancelled) {
        this.info.status = "cancelled";
        return;
      }
      const told = facts.get(path) ?? NOTHING;
      const place = {
        ...told,
        label: label ?? told.label ?? path.split("/").at(-2) ?? "Pictures",
        recording: `${this.info.id}:${told.recording ?? path}`,
        classes: label === null ? classes : [],
      };
      await this.#one(path, file, place, add);
      this.info.done += 1;
    }
    this.info.status = "done";
  }

  async #one(path: string, file: Blob, place: Place, add: AddPicture): Promise<void> {
    try {
      const { known, change } = await add(file, place);
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
          // Teachable Machine calls the zip of a class so.
          const stem = local.path.replace(ZIP, "").replace(/-samples( ?\(\d+\))?$/, "");
          for (const { path, file } of await unpacked(local.file)) found.push({ path: `${stem}/${path}`, file });
        } catch (error) {
          this.#problem(local.path, error);
        }
      }
    }
    return found;
  }

  #problem(name: string, error: unknown): void {
    const message = `${name}: ${messageOf(error)}`;
    this.info.problem_count += 1;
    if (this.info.problems.length < IMPORTS.max_problems) this.info.problems.push({ name, message, code: "bad_image" });
  }
}
