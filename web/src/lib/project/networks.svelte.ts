/** The networks that the project could use: compared on its own examples, and changed. */

import { api, ApiError } from "../api";
import type { Toasts } from "../page/toasts.svelte";
import type { BackbonesInfo } from "../server/types";
import { messageOf } from "../page/words";

const POLL_MS = 300;

export class Networks {
  info = $state.raw<BackbonesInfo | null>(null);
  readonly #toasts: Toasts;
  #following: Promise<void> | null = null;
  /** Counts the questions; the newest that is answered. */
  #asked = 0;
  #known = 0;
  #stopped = false;

  constructor(toasts: Toasts) {
    this.#toasts = toasts;
  }

  get working(): boolean {
    return this.info?.work?.status === "running";
  }

  /** Once more, after a change of the project; while work is followed that is done already. */
  async load(): Promise<void> {
    if (this.#following) return;
    const wrong = await this.#ask(() => api.backbones());
    // A server that does not answer is told for the whole page.
    if (wrong && !(wrong instanceof ApiError && wrong.code === "unreachable")) this.#toasts.show(messageOf(wrong));
    await this.#follow();
  }

  /** Gives what went wrong, in words for people. */
  compare(names: string[]): Promise<string | null> {
    return this.#begin(names, false);
  }

  /** Gives what went wrong, in words for people. */
  async use(name: string): Promise<string | null> {
    const wrong = await this.#begin([name], true);
    if (wrong === null && this.info?.work?.status === "done") this.#toasts.show(`${this.used} looks now.`);
    return wrong;
  }

  /** What the network that looks is called. */
  get used(): string {
    return this.info?.backbones.find(({ used }) => used)?.title ?? "Another network";
  }

  async cancel(): Promise<void> {
    const wrong = await this.#ask(() => api.cancelBackbones());
    if (wrong) this.#toasts.show(messageOf(wrong));
  }

  stop(): void {
    this.#stopped = true;
  }

  async #begin(names: string[], use: boolean): Promise<string | null> {
    const refusal = await this.#ask(() => api.beginBackbones({ names, use }));
    if (refusal) {
      void this.load(); // Another page may have begun something.
      return messageOf(refusal);
    }
    await this.#follow();
    const work = this.info?.work;
    if (work?.status === "cancelled") this.#toasts.show("Cancelled. The project is as it was.");
    if (!work && !this.#stopped) return "The server was ended before this was done. The project is as it was.";
    return work?.status === "failed" ? (work.error?.message ?? "It failed.") : null;
  }

  /** Until the work is done. */
  #follow(): Promise<void> {
    this.#following ??= this.#poll().finally(() => (this.#following = null));
    return this.#following;
  }

  /** Also across an end of the server: the next one knows nothing of the work. */
  async #poll(): Promise<void> {
    while (this.working && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      await this.#ask(() => api.backbones());
    }
  }

  /** Gives why there was no answer; one that is older than what is known is passed over. */
  async #ask(question: () => Promise<BackbonesInfo>): Promise<unknown> {
    const turn = ++this.#asked;
    try {
      const info = await question();
      if (turn > this.#known) [this.#known, this.info] = [turn, info];
      return null;
    } catch (error) {
      return error;
    }
  }
}
