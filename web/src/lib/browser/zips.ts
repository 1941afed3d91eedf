/** Examples on their way home: the zip that ``classify-anything import`` reads, and such zips read here. */

import { strToU8, unzip, zip, type Zippable } from "fflate";
import Papa from "papaparse";
import { isHidden, type LocalFile } from "../files/files";
import type { Example } from "./local-project";
import type { ModelClass } from "./browser-model";
import { toIso } from "./timestamps";
import { endingOf } from "./pictures";

export interface Packed extends Example {
  picture: Blob;
}

const NOT_IN_NAMES = /[<>:"/\\|?*\x00-\x1f]/g;

/** A folder for each class, with the lists ``metadata.csv`` and ``classes.csv`` of ``datasets/metadata.py``. */
export async function packed(classes: readonly ModelClass[], examples: readonly Packed[]): Promise<Blob> {
  const files: Zippable = {};
  const rows = [["file_name", "label", "recording", "created_at", "source", "sha256"]];
  const names = new Map(classes.map(({ id, name }, place) => [id, { name, folder: folderOf(name, place) }]));
  for (const { id, classId, recordingId, createdAt, source, picture, sha256 } of examples) {
    const { name, folder } = names.get(classId) ?? { name: "?", folder: "_" };
    const path = `${folder}/${id}.${endingOf(picture.type)}`;
    files[path] = [new Uint8Array(await picture.arrayBuffer()), { level: 0 }];
    rows.push([path, name, String(recordingId), toIso(createdAt), source, sha256]);
  }
  files["metadata.csv"] = strToU8(Papa.unparse(rows));
  files["classes.csv"] = strToU8(Papa.unparse([...classes], { columns: ["name", "color"] }));
  return new Promise((resolve, reject) =>
    zip(files, (error, data) => (error ? reject(error) : resolve(new Blob([data as Uint8Array<ArrayBuffer>], { type: "application/zip" })))),
  );
}

/** The files of a zip, with their paths. Rejects with one line that a person understands. */
export async function unpacked(file: File): Promise<LocalFile[]> {
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
