import { api } from "../api";
import { rowsOf, type Row } from "./filter";

const RETRY_MS = 1000;
/** Minimum interval between two requests while the project keeps changing. */
const PAUSE_MS = 250;

/** All examples, newest first; reloaded when the project changes. */
export class Collection {
  rows = $state.raw<readonly Row[] | null>(null);
  failed = $state(false);
  #wanted = -1;
  #loading = false;

  /** Load at least this revision, with one request at a time. */
  follow(revision: number): void {
    this.#wanted = Math.max(this.#wanted, revision);
    if (!this.#loading) void this.#load();
  }

  async #load(): Promise<void> {
    this.#loading = true;
    for (let have = -1; have < this.#wanted; ) {
      try {
        const index = await api.index();
        this.rows = rowsOf(index);
        this.failed = false;
        have = index.revision;
      } catch {
        this.failed = true;
      }
      const pause = this.failed ? RETRY_MS : PAUSE_MS;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.#loading = false;
  }
}
