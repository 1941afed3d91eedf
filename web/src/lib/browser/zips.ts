/** Write the zip that ``classify-anything import`` reads, and read such zips. */

import { strToU8, unzip, zip, type Zippable } from "fflate";
import Papa from "papaparse";
import { isHidden, type LocalFile } from "../files/files";
import type { Example } from "./local-project";
import type { ModelClass } from "./browser-model";
import { toIso } from "./timestamps";
import { extensionOf } from "./pictures";

export interface ExportedExample extends Example {
  picture: Blob;
}

const NOT_IN_NAMES = /[<>:"/\\|?*\x00-\x1f]/g;

/** Pack one folder per class, with ``metadata.csv`` and ``classes.csv`` as in ``datasets/metadata.py``. */
export async function zipExamples(classes: readonly ModelClass[], examples: readonly ExportedExample[]): Promise<Blob> {
  const files: Zippable = {};
  const rows = [["file_name", "label", "recording", "created_at", "source", "sha256"]];
  const names = new Map(classes.map(({ id, name }, place) => [id, { name, folder: folderOf(name, place) }]));
  for (const { id, classId, recordingId, createdAt, source, picture, sha256 } of examples) {
    const { name, folder } = names.get(classId) ?? { name: "?", folder: "_" };
    const path = `${folder}/${id}.${extensionOf(picture.type)}`;
    files[path] = [new Uint8Array(await picture.arrayBuffer()), { level: 0 }];
    rows.push([path, name, String(recordingId), toIso(createdAt), source, sha256]);
  }
  files["metadata.csv"] = strToU8(Papa.unparse(rows));
  files["classes.csv"] = strToU8(Papa.unparse([...classes], { columns: ["name", "color"] }));
  return new Promise((resolve, reject) =>
    zip(files, (error, data) => (error ? reject(error) : resolve(new Blob([data as Uint8Array<ArrayBuffer>], { type: "application/zip" })))),
  );
}

/** Return the files of a zip with their paths. Rejects with one line for people. */
export async function unzipFiles(file: File): Promise<LocalFile[]> {
  const data = new Uint8Array(await file.arrayBuffer());
  return new Promise((resolve, reject) =>
    unzip(data, (error, found) => {
      if (error) reject(new Error(`${file.name} is damaged, or not a zip.`));
      else {
        resolve(
          Object.entries(found).flatMap(([path, bytes]) =>
            path.endsWith("/") || isHidden(path) ? [] : [{ path, file: new File([bytes as Uint8Array<ArrayBuffer>], path.split("/").at(-1) ?? path) }],
          ),
        );
      }
    }),
  );
}

function folderOf(name: string, place: number): string {
  const safe = name.replace(NOT_IN_NAMES, "_").replace(/^\.|[. ]+$/g, "_").slice(0, 60);
  return `${place + 1} ${safe}`;
}
