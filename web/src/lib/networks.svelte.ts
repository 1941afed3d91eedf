/** The networks that the project could use: compared on its own examples, and changed. */

import { api } from "./api";
import type { Toasts } from "./toasts.svelte";
import type { BackbonesInfo } from "./types";
import { messageOf } from "./words";

const POLL_MS = 300;

export class Networks {
  info = $state.raw<BackbonesInfo | null>(null);
  readonly #toasts: Toasts;
  #stopped = false;

  constructor(toasts: Toasts) {
    this.#toasts = toasts;
  }

  get working(): boolean {
    return this.info?.work?.status === "running";
  }

  async load(): Promise<void> {
    await this.#ask(() => api.backbones());
    await this.#follow();
  }

  compare(names: string[]): Promise<void> {
    return this.#begin(names, false);
  }

  use(name: string): Promise<void> {
    return this.#begin([name], true);
  }

  async cancel(): Promise<void> {
    await this.#ask(() => api.cancelBackbones());
  }

  stop(): void {
    this.#stopped = true;
  }

  async #begin(names: string[], use: boolean): Promise<void> {
    await this.#ask(() => api.beginBackbones({ names, use }));
    await this.#follow();
    const work = this.info?.work;
    if (work?.status === "failed") this.#toasts.show(work.error?.message ?? "It failed.");
    else if (work?.status === "cancelled") this.#toasts.show("Cancelled. The project is as it was.");
    else if (use && work?.status === "done") this.#toasts.show(`${names[0]} looks now.`);
  }

  async #follow(): Promise<void> {
    while (this.working && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      await this.#ask(() => api.backbones());
    }
  }

  async #ask(question: () => Promise<BackbonesInfo>): Promise<void> {
    try {
      this.info = await question();
    } catch (error) {
      this.#toasts.show(messageOf(error));
    }
  }
}
