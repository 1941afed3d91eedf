/** When the next picture is to be made, so that it is ready as the one before has its answer. */

/** All times are of performance.now(), in milliseconds. */
export class FramePacing {
  /** How long it takes to make a picture. */
  making = 0;
  #askedAt = 0;
  #answering = 0;
  #frameAt = 0;
  #pace = 0;

  /** The camera gave a frame. */
  frame(now: number): void {
    this.#pace = now - this.#frameAt;
    this.#frameAt = now;
  }

  asked(now: number): void {
    this.#askedAt = now;
  }

  answered(now: number): void {
    this.#answering = now - this.#askedAt;
  }

  /** Whether a picture made now will be wanted: one of the next frame would come too late. */
  isTime(now: number): boolean {
    const left = this.#askedAt + this.#answering - now;
    return left < this.making + this.#pace;
  }
}
