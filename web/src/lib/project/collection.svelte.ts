import { api } from "../api";
import { rowsOf, type Row } from "./filter";

const RETRY_MS = 1000;
/** Between two readings, while the project changes all the time. */
const CALM_MS = 250;

/** All examples, newest first; read anew when the project has changed. */
export class Collection {
  rows = $state.raw<readonly Row[] | null>(null);
  failed = $state(false);
  #wanted = -1;
  #reading = false;

  /** Be at least as new as this revision, soon. While one answer is under way, no other is asked for. */
  follow(revision: number): void {
    this.#wanted = Math.max(this.#wanted, revision);
    if (!this.#reading) void this.#read();
  }

  async #read(): Promise<void> {
    this.#reading = true;
    for (let have = -1; have < this.#wanted; ) {
      try {
        const index = await api.index();
        this.rows = rowsOf(index);
        this.failed = false;
        have = index.revision;
      } catch {
        this.failed = true;
      }
      const pause = this.failed ? RETRY_MS : CALM_MS;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.#reading = false;
  }
}
