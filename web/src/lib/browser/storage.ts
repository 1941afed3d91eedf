/** What a page without a server keeps in this browser: IndexedDB, a database for each project at an address. */

import type { Snapshot } from "./local-project";

const VERSION = 1;
const STATE = "state";
const PICTURES = "pictures";
/** Keys in the store of the state. */
const NOW = "now";
const STAMP = "stamp";

/** What is kept beside the pictures. ``made`` and ``exportedAt`` tell of which export. */
export interface Kept extends Snapshot {
  made: string;
  exportedAt: string;
}

/** The picture of an example that was taught here, and its embedding. */
export interface KeptPicture {
  picture: Blob;
  vector: Float32Array;
  /** The fingerprint of the backbone that made the embedding. */
  seenBy: string;
  /** The embeddings of its views, by the same backbone. */
  views?: Float32Array;
}

export type Pictures = ReadonlyMap<number, KeptPicture>;

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

  /** Changes with every ``save``, by whichever page. */
  stamp(): Promise<string | undefined> {
    return settled<string | undefined>(this.#database.transaction(STATE).objectStore(STATE).get(STAMP));
  }

  state(): Promise<Kept | undefined> {
    return settled<Kept | undefined>(this.#database.transaction(STATE).objectStore(STATE).get(NOW));
  }

  async pictures(ids: readonly number[]): Promise<Pictures> {
    const store = this.#database.transaction(PICTURES).objectStore(PICTURES);
    const found = await Promise.all(
      ids.map(async (id) => [id, await settled<KeptPicture | undefined>(store.get(id))] as const),
    );
    return new Map(found.flatMap(([id, picture]) => (picture ? [[id, picture]] : [])));
  }

  /** Write the state and new pictures, all or nothing; gives its stamp. Rejects with one line that a person understands. */
  async save(kept: Kept, pictures: Pictures): Promise<string> {
    const transaction = this.#database.transaction([STATE, PICTURES], "readwrite");
    const stamp = crypto.randomUUID();
    transaction.objectStore(STATE).put(kept, NOW);
    transaction.objectStore(STATE).put(stamp, STAMP);
    for (const [id, picture] of pictures) transaction.objectStore(PICTURES).put(picture, id);
    await done(transaction);
    return stamp;
  }

  /** As ``save``, of pictures that were there before. */
  async put(pictures: Pictures): Promise<void> {
    const transaction = this.#database.transaction(PICTURES, "readwrite");
    for (const [id, picture] of pictures) transaction.objectStore(PICTURES).put(picture, id);
    await done(transaction);
  }

  /** Drop the pictures that nothing refers to any more. */
  async tidy(): Promise<void> {
    const wanted = new Set((await this.state())?.examples.map(({ id }) => id));
    const transaction = this.#database.transaction(PICTURES, "readwrite");
    const store = transaction.objectStore(PICTURES);
    for (const id of await settled(store.getAllKeys())) if (!wanted.has(Number(id))) store.delete(id);
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
