/** The open dialogs. Only the topmost can be used, so what floats over the page stands in that. */
export class Dialogs {
  #open = $state.raw<readonly string[]>([]);
  readonly top = $derived(this.#open.at(-1));

  /** Returns a close. */
  open(id: string): () => void {
    this.#open = [...this.#open, id];
    return () => (this.#open = this.#open.filter((other) => other !== id));
  }
}
