/** Files, folders and zips become examples of a page without a server. */

import type { LocalFile } from "../files/files";
import type { ImportInfo } from "../server/types";
import { messageOf } from "../page/words";
import { readLists, type ImageMetadata } from "./lists";
import type { NewClass } from "./local-project";
import { imports as IMPORTS } from "../../../../src/classify_anything/constants.json";
import { unzipFiles } from "./zips";

const ZIP = /\.zip$/i;
const NOTHING: ImageMetadata = { label: undefined, recording: undefined, source: undefined, createdAt: undefined };

/** The metadata of an imported picture; ``classes`` are all classes of the import. */
export interface ImportedImage extends ImageMetadata {
  label: string;
  recording: string;
  classes: readonly NewClass[];
}

/** Add one picture; return whether it was known, and the change that contains it. */
export type AddPicture = (picture: Blob, image: ImportedImage) => Promise<{ known: boolean; change: number | null }>;

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

  /** Settles when the import adds nothing more. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    if (this.info.status === "uploading") this.info.status = "cancelled";
    await this.#running;
  }

  /** ``label`` is the class of all pictures (default: the name of the folder or zip that contains each). */
  start(label: string | null, add: AddPicture): void {
    this.info.status = "running";
    this.#running = this.#run(label, add).catch((error: unknown) => {
      this.info.status = "failed";
      this.info.error = { code: "failed", message: messageOf(error) };
    });
  }

  async #run(label: string | null, add: AddPicture): Promise<void> {
    const { pictures, metadata: all, classes } = await readLists(await this.#unzip());
    this.info.total = pictures.length;
    for (const { path, file } of pictures) {
      if (this.#cancelled) {
        this.info.status = "cancelled";
        return;
      }
      const metadata = all.get(path) ?? NOTHING;
      const image = {
        ...metadata,
        label: label ?? metadata.label ?? path.split("/").at(-2) ?? "Pictures",
        recording: `${this.info.id}:${metadata.recording ?? path}`,
        classes: label === null ? classes : [],
      };
      await this.#addImage(path, file, image, add);
      this.info.done += 1;
    }
    this.info.status = "done";
  }

  async #addImage(path: string, file: Blob, image: ImportedImage, add: AddPicture): Promise<void> {
    try {
      const { known, change } = await add(file, image);
      if (known) this.info.known += 1;
      else this.info.added += 1;
      this.info.change = change ?? this.info.change;
    } catch (error) {
      this.#problem(path, error);
    }
  }

  async #unzip(): Promise<LocalFile[]> {
    const found: LocalFile[] = [];
    for (const local of this.#files) {
      if (!ZIP.test(local.path)) found.push(local);
      else {
        try {
          // Teachable Machine adds this suffix to the zip of a class.
          const stem = local.path.replace(ZIP, "").replace(/-samples( ?\(\d+\))?$/, "");
          for (const { path, file } of await unzipFiles(local.file)) found.push({ path: `${stem}/${path}`, file });
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
