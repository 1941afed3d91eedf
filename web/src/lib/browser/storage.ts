/** Store a project in IndexedDB, in one database per project and address. */

import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { ModelClass } from "./browser-model";
import type { Example } from "./local-project";

/** Version 1 was never released, so its content is dropped. */
const VERSION = 2;
const NOW = "now";

/** The picture and the embedding of an example that was added here. */
export interface StoredExample {
  picture: Blob;
  vector: Float32Array;
  /** The fingerprint of the backbone that computed the embedding. */
  seenBy: string;
  /** The embeddings of its views, by the same backbone. */
  views?: Float32Array;
}

/** An example that is new, changed or deleted since the export. */
export interface Row {
  id: number;
  change: number;
  /** null if it was deleted. */
  example: Example | null;
  /** Undefined if the picture came with the export. */
  kept: StoredExample | undefined;
}

/** ``made`` and ``exportedAt`` identify the export that wrote it. */
export interface StoredProject {
  change: number;
  classes: readonly ModelClass[];
  nextId: number;
  made: string;
  exportedAt: string;
}

/** The rows are in the order of their changes. */
export interface StoredChanges {
  kept: StoredProject | undefined;
  rows: Row[];
}

interface Schema extends DBSchema {
  project: { key: string; value: StoredProject };
  examples: { key: number; value: Row; indexes: { change: number } };
}

export class ProjectStorage {
  readonly #database: IDBPDatabase<Schema>;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  /** Rejects with one line for people. */
  static async open(name: string): Promise<ProjectStorage> {
    if (!globalThis.indexedDB) throw new Error("This browser cannot save your examples (no IndexedDB).");
    const upgrade = (database: IDBPDatabase<Schema>) => {
      for (const store of database.objectStoreNames) database.deleteObjectStore(store);
      database.createObjectStore("project");
      database.createObjectStore("examples", { keyPath: "id" }).createIndex("change", "change");
    };
    const database = await openDB<Schema>(name, VERSION, { upgrade }).catch(() => {
      throw new Error("This browser does not let this page save your examples. Private windows often do not.");
    });
    return new ProjectStorage(database);
  }

  /** Read what any page wrote after a change. */
  async since(change: number): Promise<StoredChanges> {
    const transaction = this.#database.transaction(["project", "examples"]);
    const newer = IDBKeyRange.lowerBound(change, true);
    const [kept, rows] = await Promise.all([
      transaction.objectStore("project").get(NOW),
      transaction.objectStore("examples").index("change").getAll(newer),
    ]);
    return { kept, rows };
  }

  /** Write all rows or none; ``replace`` deletes all others. Rejects with one line for people. */
  async save(rows: readonly Row[], kept: StoredProject | null, replace: boolean): Promise<void> {
    const transaction = this.#database.transaction(["project", "examples"], "readwrite");
    const examples = transaction.objectStore("examples");
    const written = [
      replace && examples.clear(),
      kept && transaction.objectStore("project").put(kept, NOW),
      ...rows.map((row) => examples.put(row)),
      transaction.done,
    ];
    await Promise.all(written).catch(({ name, message }: DOMException) => {
      const why = name === "QuotaExceededError" ? "no space left" : message || "no reason given";
      throw new Error(`The browser could not save it: ${why}. Nothing was changed.`);
    });
  }

  /** Replace the embeddings of an example, unless it was deleted. */
  async update(id: number, kept: StoredExample): Promise<void> {
    const { store, done } = this.#database.transaction("examples", "readwrite");
    const row = await store.get(id);
    await Promise.all([row?.example && store.put({ ...row, kept }), done]);
  }
}
