/** Announce stable answers to screen readers, each only once. */

export const STABLE_MS = 1000;

export class Announcer {
  #candidate = "";
  #since = 0;
  #said = "";

  /** Update the label; returns the text to announce now, if any. */
  hear(label: string, now: number): string | null {
    if (label !== this.#candidate) {
      this.#candidate = label;
      this.#since = now;
      return null;
    }
    if (label === this.#said || now - this.#since < STABLE_MS) return null;
    this.#said = label;
    return label;
  }
}
