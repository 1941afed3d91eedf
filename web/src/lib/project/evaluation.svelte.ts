import { api, ApiError } from "../api";
import type { ExampleMap, Report } from "../server/types";

const RETRY_MS = 1000;
/** Between two evaluations, while the project changes all the time. */
const CALM_MS = 700;

/** How good the project is, found out anew when it has changed. */
export class Evaluating {
  report = $state.raw<Report | null>(null);
  map = $state.raw<ExampleMap | null>(null);
  /** Why there is no report. */
  reason = $state<string | null>(null);
  /** Whether that is the project's, and not for want of an answer, which is waited for. */
  known = $state(false);
  #wanted = -1;
  #reading = false;
  #stopped = false;

  /** Be at least as new as this revision, soon; one evaluation at a time. */
  follow(revision: number): void {
    this.#wanted = Math.max(this.#wanted, revision);
    if (!this.#reading && !this.#stopped) void this.#read();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #read(): Promise<void> {
    this.#reading = true;
    for (let have = -1; have < this.#wanted && !this.#stopped; ) {
      const asked = this.#wanted;
      let pause = CALM_MS;
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
    this.#reading = false;
  }
}
