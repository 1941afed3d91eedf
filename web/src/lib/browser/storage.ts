/** What a page without a server keeps in this browser: IndexedDB, a database for each project at an address. */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { ModelClass } from "./browser-model";
import type { Example } from "./local-project";

/** Version 1 was never released: what it kept is dropped. */
const VERSION = 2;
const NOW = "now";

/** The picture of an example that was taught here, and its embedding. */
export interface KeptPicture {
  picture: Blob;
  vector: Float32Array;
  /** The fingerprint of the backbone that made the embedding. */
  seenBy: string;
  /** The embeddings of its views, by the same backbone. */
  views?: Float32Array;
}

/** An example that is new, changed or deleted since the export. */
export interface Row {
  id: number;
  /** The number of the change that wrote it. */
  change: number;
  /** null if it was deleted. */
  example: Example | null;
  /** Missing if the export brought the picture. */
  kept: KeptPicture | undefined;
}

/** What is kept beside the examples; ``made`` and ``exportedAt`` identify the export that wrote it. */
export interface Kept {
  change: number;
  classes: readonly ModelClass[];
  nextId: number;
  made: string;
  exportedAt: string;
}

/** What was written lately; the rows are in the order of their changes. */
export interface News {
  kept: Kept | undefined;
  rows: Row[];
}

interface Schema extends DBSchema {
  project: { key: string; value: Kept };
  examples: { key: number; value: Row; indexes: { change: number } };
}

export class ProjectStorage {
  readonly #database: IDBPDatabase<Schema>;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  /** Rejects with one line that a person understands. */
  static async open(name: string): Promise<ProjectStorage> {
    if (!globalThis.indexedDB) throw new Error("This browser keeps nothing (no IndexedDB).");
    const upgrade = (database: IDBPDatabase<Schema>) => {
      for (const store of database.objectStoreNames) database.deleteObjectStore(store);
      database.createObjectStore("project");
      database.createObjectStore("examples", { keyPath: "id" }).createIndex("change", "change");
    };
    const database = await openDB<Schema>(name, VERSION, { upgrade }).catch(() => {
      throw new Error("This browser keeps nothing for this page, as in a private window.");
    });
    return new ProjectStorage(database);
  }

  /** What was written after a change, by whichever page. */
  async since(change: number): Promise<News> {
    const transaction = this.#database.transaction(["project", "examples"]);
    const newer = IDBKeyRange.lowerBound(change, true);
    const [kept, rows] = await Promise.all([
      transaction.objectStore("project").get(NOW),
      transaction.objectStore("examples").index("change").getAll(newer),
    ]);
    return { kept, rows };
  }

  /** Write rows, all or nothing; ``replace`` deletes all others. Rejects with one line that a person understands. */
  async save(rows: readonly Row[], kept: Kept | null, replace: boolean): Promise<void> {
    const transaction = this.#database.transaction(["project", "examples"], "readwrite");
    const examples = transaction.objectStore("examples");
    const written = [
      replace && examples.clear(),
      kept && transaction.objectStore("project").put(kept, NOW),
      ...rows.map((row) => examples.put(row)),
      transaction.done,
    ];
    await Promise.all(written).catch(({ name, message }: DOMException) => {
      const why = name === "QuotaExceededError" ? "there is no space left for this page" : message || "no reason given";
      throw new Error(`The browser could not keep it: ${why}. Nothing was changed.`);
    });
  }

  /** Keep other embeddings of a picture that is still there. */
  async update(id: number, kept: KeptPicture): Promise<void> {
    const { store, done } = this.#database.transaction("examples", "readwrite");
    const row = await store.get(id);
    await Promise.all([row?.example && store.put({ ...row, kept }), done]);
  }
}
