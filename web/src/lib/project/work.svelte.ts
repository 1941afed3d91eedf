/** Run long tasks one after the other, in the background. */

import { messageOf } from "../page/words";

export interface Step {
  text: string;
  /** Out of ``total``, which is null if unknown. */
  done: number;
  total: number | null;
}

export type Report = (step: Step) => void;

/** The message says what could not be undone. */
export class IncompleteUndo extends Error {}

/**
 * Rejects if the task fails or the signal aborts it. Then the task has undone its changes, unless it
 * rejects with ``IncompleteUndo``.
 */
export type Task = (report: Report, signal: AbortSignal) => Promise<void>;

export class Work {
  /** The progress of the current task. */
  step = $state.raw<Step | null>(null);
  cancelling = $state(false);
  readonly #notify: (text: string) => void;
  #waiting: Task[] = [];
  #abort: AbortController | null = null;

  constructor(notify: (text: string) => void) {
    this.#notify = notify;
  }

  start(task: Task): void {
    this.#waiting.push(task);
    if (!this.#abort) void this.#run();
  }

  /** Cancel the current and all waiting tasks. */
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
        this.#notify(error instanceof IncompleteUndo ? error.message : `${reason} The project is unchanged.`);
      }
      this.#abort = this.step = null;
      this.cancelling = false;
    }
  }
}
