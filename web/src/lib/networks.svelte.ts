/** The networks that the project could use: compared on its own examples, and changed. */

import { api } from "./api";
import type { Toasts } from "./toasts.svelte";
import type { BackbonesInfo } from "./types";
import { messageOf } from "./words";

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
    await this.#ask(() => api.backbones());
    await this.#follow();
  }

  compare(names: string[]): Promise<void> {
    return this.#begin(names, false);
  }

  use(name: string): Promise<void> {
    return this.#begin([name], true);
  }

  /** What the network that looks is called. */
  get used(): string {
    return this.info?.backbones.find(({ used }) => used)?.title ?? "Another network";
  }

  async cancel(): Promise<void> {
    await this.#ask(() => api.cancelBackbones());
  }

  stop(): void {
    this.#stopped = true;
  }

  async #begin(names: string[], use: boolean): Promise<void> {
    if (!(await this.#ask(() => api.beginBackbones({ names, use })))) return;
    await this.#follow();
    const work = this.info?.work;
    if (work?.status === "failed") this.#toasts.show(work.error?.message ?? "It failed.");
    else if (work?.status === "cancelled") this.#toasts.show("Cancelled. The project is as it was.");
    else if (use && work?.status === "done") this.#toasts.show(`${this.used} looks now.`);
  }

  /** Until the work is done. */
  #follow(): Promise<void> {
    this.#following ??= this.#poll().finally(() => (this.#following = null));
    return this.#following;
  }

  async #poll(): Promise<void> {
    let asked = true;
    while (this.working && asked && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      asked = await this.#ask(() => api.backbones());
    }
  }

  /** Whether there was an answer; one that is older than what is known is passed over. */
  async #ask(question: () => Promise<BackbonesInfo>): Promise<boolean> {
    const turn = ++this.#asked;
    try {
      const info = await question();
      if (turn > this.#known) [this.#known, this.info] = [turn, info];
      return true;
    } catch (error) {
      this.#toasts.show(messageOf(error));
      return false;
    }
  }
}
