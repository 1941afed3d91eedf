/** Choose which frames become examples during a recording. */

/** A click lasts about 100 ms; a shorter press adds one example only. */
export const CLICK_MS = 160;
/** Default examples per second: every second frame at 30 frames per second. */
export const USUAL_RATE = 15;
/** At this rate every frame becomes an example. */
export const MAX_RATE = 30;
/** Frames arrive unevenly: this much too early counts as on time. */
const EARLY_MS = 7;

export class Recording {
  readonly id = crypto.randomUUID();
  readonly classId: number;
  readonly #interval: number;
  #next: number;

  /** The caller takes the first picture at once. ``rate`` is in pictures per second. */
  constructor(classId: number, now: number, rate = USUAL_RATE) {
    this.classId = classId;
    this.#interval = rate >= MAX_RATE ? 0 : 1000 / rate;
    this.#next = now + Math.max(CLICK_MS, this.#interval);
  }

  /** Whether to add the current frame; missed frames are not made up for. */
  due(now: number): boolean {
    if (now < this.#next - EARLY_MS) return false;
    const next = this.#next + this.#interval;
    this.#next = next < now ? now + this.#interval : next;
    return true;
  }
}
