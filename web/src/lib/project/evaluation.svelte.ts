import { api, ApiError } from "../api";
import type { ExampleMap, Report } from "../server/types";

const RETRY_MS = 1000;
/** Minimum interval between two evaluations while the project keeps changing. */
const PAUSE_MS = 700;

/** The evaluation of the project, repeated when the project changes. */
export class Evaluating {
  report = $state.raw<Report | null>(null);
  map = $state.raw<ExampleMap | null>(null);
  /** Why there is no report. */
  reason = $state<string | null>(null);
  /** Whether the project is the reason; otherwise the request is retried. */
  known = $state(false);
  #wanted = -1;
  #loading = false;
  #stopped = false;

  /** Evaluate at least this revision, one evaluation at a time. */
  follow(revision: number): void {
    this.#wanted = Math.max(this.#wanted, revision);
    if (!this.#loading && !this.#stopped) void this.#load();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #load(): Promise<void> {
    this.#loading = true;
    for (let have = -1; have < this.#wanted && !this.#stopped; ) {
      const asked = this.#wanted;
      let pause = PAUSE_MS;
      try {
        this.map = await api.map();
        this.report = await api.evaluation();
        this.reason = null;
        have = asked;
      } catch (error) {
        this.known = error instanceof ApiError && error.code === "bad_input";
        if (this.known) {
          this.report = null;
          have = asked;
        } else {
          pause = RETRY_MS;
        }
        this.reason = error instanceof Error ? error.message : String(error);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.#loading = false;
  }
}
