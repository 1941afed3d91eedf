/** Long work, one piece after the other, while everything else goes on. */

import { messageOf } from "../page/words";

export interface Step {
  text: string;
  /** Of ``total``, which is null while nobody knows it. */
  done: number;
  total: number | null;
}

export type Report = (step: Step) => void;

/** Says what a task could not take back. */
export class LeftBehind extends Error {}

/**
 * Rejects when it fails, and when the signal aborts it: then it has left nothing behind, unless it
 * rejects with ``LeftBehind``.
 */
export type Task = (report: Report, signal: AbortSignal) => Promise<void>;

export class Work {
  /** How far the present piece is. */
  step = $state.raw<Step | null>(null);
  cancelling = $state(false);
  readonly #tell: (text: string) => void;
  #waiting: Task[] = [];
  #abort: AbortController | null = null;

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  start(task: Task): void {
    this.#waiting.push(task);
    if (!this.#abort) void this.#run();
  }

  /** Give up the present piece and those that wait. */
  cancel(): void {
    this.#waiting = [];
    this.cancelling = true;
    this.#abort?.abort();
  }

  async #run(): Promise<void> {
    for (let task = this.#waiting.shift(); task; task = this.#waiting.shift()) {
      const abort = (this.#abort = new AbortController());
      try {
        await task((step) => (this.step = step), abort.signal);
      } catch (error) {
        const reason = abort.signal.aborted ? "Cancelled." : messageOf(error);
        this.#tell(error instanceof LeftBehind ? error.message : `${reason} The project is as it was.`);
      }
      this.#abort = this.step = null;
      this.cancelling = false;
    }
  }
}
