/** The pace of a recording: which frames become examples while a button is held. */

/** A click lasts about 100 ms; what is released sooner than this is one example, not several. */
export const CLICK_MS = 160;
/** At 30 frames a second every second frame: 15 examples a second. */
export const PACE_MS = 60;

export class Recording {
  readonly id = crypto.randomUUID();
  readonly classId: number;
  #next: number;

  /** Begins with the press; its first picture is taken at once, not by ``due``. */
  constructor(classId: number, now: number) {
    this.classId = classId;
    this.#next = now + CLICK_MS;
  }

  /** Whether the frame seen now is to be added; the pace then starts anew from it. */
  due(now: number): boolean {
    if (now < this.#next) return false;
    this.#next = now + PACE_MS;
    return true;
  }
}
