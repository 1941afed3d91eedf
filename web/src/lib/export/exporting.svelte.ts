/** Create one export at a time and download it. */

import { backend } from "../api";
import type { ExportChoice, ExportForm, ExportFile } from "../server/backend";
import type { Toasts } from "../page/toasts.svelte";
import { messageOf } from "../page/words";
import type { Step } from "../project/work.svelte";

export class Exporting {
  /** The size of each format in bytes, if known. */
  sizes = $state.raw<Readonly<Record<string, number>>>({});
  /** The running export and its progress. */
  making = $state.raw<{ form: ExportForm; step: Step } | null>(null);
  made = $state.raw<ReadonlyMap<string, ExportFile>>(new Map());
  readonly #toasts: Toasts;
  #abort: AbortController | null = null;

  constructor(toasts: Toasts) {
    this.#toasts = toasts;
  }

  async measure(): Promise<void> {
    this.sizes = await backend.exports.sizes().catch(() => ({}));
  }

  async make(form: ExportForm, choice: ExportChoice): Promise<void> {
    if (this.making) return;
    const { signal } = (this.#abort = new AbortController());
    this.making = { form, step: { text: "Beginning", done: 0, total: null } };
    try {
      const made = await backend.exports.make(form.id, choice, (step) => (this.making = { form, step }), signal);
      this.made.get(form.id)?.dispose();
      this.made = new Map(this.made).set(form.id, made);
      download(made);
    } catch (error) {
      this.#toasts.show(signal.aborted ? "Cancelled." : messageOf(error));
    } finally {
      this.making = null;
    }
  }

  cancel(): void {
    this.#abort?.abort();
  }

  /** Download the exported file again. */
  async again(form: ExportForm, made: ExportFile): Promise<void> {
    if (!made.there || (await made.there())) {
      download(made);
      return;
    }
    this.made = new Map([...this.made].filter(([id]) => id !== form.id));
    this.#toasts.show(`${made.name} no longer exists. Create it again.`);
  }
}

function download({ address, name }: ExportFile): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
