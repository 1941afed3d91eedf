/** Compare networks on the project's examples, and change the project's network. */

import { api, ApiError } from "../api";
import type { Toasts } from "../page/toasts.svelte";
import type { BackbonesInfo } from "../server/types";
import { messageOf } from "../page/words";

const POLL_MS = 300;

export class Networks {
  info = $state.raw<BackbonesInfo | null>(null);
  readonly #toasts: Toasts;
  #following: Promise<void> | null = null;
  /** Number of requests sent, and the newest one answered. */
  #asked = 0;
  #known = 0;
  #stopped = false;

  constructor(toasts: Toasts) {
    this.#toasts = toasts;
  }

  get working(): boolean {
    return this.info?.work?.status === "running";
  }

  /** Reload after a change of the project, unless work is being polled. */
  async load(): Promise<void> {
    if (this.#following) return;
    const wrong = await this.#ask(() => api.backbones());
    // The page reports an unreachable server elsewhere.
    if (wrong && !(wrong instanceof ApiError && wrong.code === "unreachable")) this.#toasts.show(messageOf(wrong));
    await this.#follow();
  }

  /** Return the error message, if any. */
  compare(names: string[]): Promise<string | null> {
    return this.#begin(names, false);
  }

  async use(name: string): Promise<string | null> {
    const wrong = await this.#begin([name], true);
    if (wrong === null && this.info?.work?.status === "done") this.#toasts.show(`Now using ${this.used}.`);
    return wrong;
  }

  /** The name of the current network. */
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
    if (work?.status === "cancelled") this.#toasts.show("Cancelled. The project is unchanged.");
    if (!work && !this.#stopped) return "The server stopped before this was done. The project is unchanged.";
    return work?.status === "failed" ? (work.error?.message ?? "It failed.") : null;
  }

  /** Poll until the work is done. */
  #follow(): Promise<void> {
    this.#following ??= this.#poll().finally(() => (this.#following = null));
    return this.#following;
  }

  /** Keep polling if the server restarts; the new server knows no work. */
  async #poll(): Promise<void> {
    while (this.working && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      await this.#ask(() => api.backbones());
    }
  }

  /** Return the error, if any; ignore answers older than the newest. */
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
