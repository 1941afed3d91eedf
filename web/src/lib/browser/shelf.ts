/** What a page without a server keeps in this browser: IndexedDB, a database for each address. */

import type { Snapshot } from "./local-project";

const VERSION = 1;
const STATE = "state";
const PICTURES = "pictures";

/** What is kept beside the pictures. ``made`` tells of which export. */
export interface Kept extends Snapshot {
  made: string;
  head: string;
  strictness: number;
}

/** A picture that was taught here. */
export interface KeptPicture {
  picture: Blob;
  vector: Float32Array;
  sha256: string;
}

export class Shelf {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  /** Rejects with one line that a person understands. */
  static async open(name: string): Promise<Shelf> {
    if (!globalThis.indexedDB) throw new Error("This browser keeps nothing (no IndexedDB).");
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STATE);
      request.result.createObjectStore(PICTURES);
    };
    const database = await settled(request).catch(() => {
      throw new Error("This browser keeps nothing for this page, as in a private window.");
    });
    return new Shelf(database);
  }

  async load(): Promise<{ kept: Kept | null; pictures: Map<number, KeptPicture> }> {
    const transaction = this.#database.transaction([STATE, PICTURES]);
    const [kept, ids, pictures] = await Promise.all([
      settled<Kept | undefined>(transaction.objectStore(STATE).get(STATE)),
      settled(transaction.objectStore(PICTURES).getAllKeys()),
      settled<KeptPicture[]>(transaction.objectStore(PICTURES).getAll()),
    ]);
    return { kept: kept ?? null, pictures: new Map(ids.map((id, place) => [Number(id), pictures[place]!])) };
  }

  /** Write the state, and new pictures, all or nothing. Rejects with one line that a person understands. */
  async save(kept: Kept, pictures: ReadonlyMap<number, KeptPicture> = new Map()): Promise<void> {
    const transaction = this.#database.transaction([STATE, PICTURES], "readwrite");
    transaction.objectStore(STATE).put(kept, STATE);
    for (const [id, picture] of pictures) transaction.objectStore(PICTURES).put(picture, id);
    await done(transaction);
  }

  /** Drop pictures that nothing refers to any more. */
  async forget(ids: readonly number[]): Promise<void> {
    const transaction = this.#database.transaction(PICTURES, "readwrite");
    for (const id of ids) transaction.objectStore(PICTURES).delete(id);
    await done(transaction);
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed."));
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => {
      const full = transaction.error?.name === "QuotaExceededError";
      const why = full ? "there is no space left for this page" : (transaction.error?.message ?? "no reason given");
      reject(new Error(`The browser could not keep it: ${why}. Nothing was changed.`));
    };
  });
}
