/** The pace of a recording: which frames become examples while it runs. */

/** A click lasts about 100 ms; what is released sooner than this is one example, not several. */
export const CLICK_MS = 160;
/** Examples a second, if nobody says otherwise: at 30 frames a second every second one. */
export const USUAL_RATE = 15;
/** With this rate every frame becomes an example, as fast as it goes. */
export const MAX_RATE = 30;
/** Frames do not come evenly: one that is this much early is on time. */
const EARLY_MS = 7;

export class Recording {
  readonly id = crypto.randomUUID();
  readonly classId: number;
  readonly #interval: number;
  #next: number;

  /** Begins at once; its first picture is taken by that, not by ``due``. ``rate`` is in pictures a second. */
  constructor(classId: number, now: number, rate = USUAL_RATE) {
    this.classId = classId;
    this.#interval = rate >= MAX_RATE ? 0 : 1000 / rate;
    this.#next = now + Math.max(CLICK_MS, this.#interval);
  }

  /** Whether the frame seen now is to be added; what a slow one has cost is not made up for. */
  due(now: number): boolean {
    if (now < this.#next - EARLY_MS) return false;
    const next = this.#next + this.#interval;
    this.#next = next < now ? now + this.#interval : next;
    return true;
  }
}
