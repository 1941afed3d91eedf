/** The user's recording options. */

import { MAX_RATE, USUAL_RATE } from "./holding";
import { recall, remember } from "../page/memory";

const REMEMBERED = "recording";
export const MAX_DELAY = 10;
export const MAX_LENGTH = 60;

export class RecordingOptions {
  /** Pictures per second. */
  rate = $state(USUAL_RATE);
  /** Seconds from the press to the first picture. */
  delay = $state(0);
  /** Seconds; 0 means while the button is held. */
  length = $state(0);
  readonly timed = $derived(this.length > 0);
  readonly usual = $derived(this.rate === USUAL_RATE && this.delay === 0 && this.length === 0);

  constructor() {
    const { rate, delay, length } = parse(recall(REMEMBERED));
    this.rate = within(rate, 1, MAX_RATE, USUAL_RATE);
    this.delay = within(delay, 0, MAX_DELAY, 0);
    this.length = within(length, 0, MAX_LENGTH, 0);
  }

  set(changed: Partial<Pick<RecordingOptions, "rate" | "delay" | "length">>): void {
    Object.assign(this, changed);
    const { rate, delay, length } = this;
    remember(REMEMBERED, JSON.stringify({ rate, delay, length }));
  }

  reset(): void {
    this.set({ rate: USUAL_RATE, delay: 0, length: 0 });
  }
}

function parse(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function within(value: unknown, least: number, most: number, usual: number): number {
  return Number.isInteger(value) && least <= Number(value) && Number(value) <= most ? Number(value) : usual;
}
