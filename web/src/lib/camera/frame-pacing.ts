/** Choose when to encode the next picture, so that it is ready when the previous one is answered. */

/** Times are of performance.now(), in milliseconds. */
export class FramePacing {
  /** The time to encode a picture. */
  making = 0;
  #askedAt = 0;
  #answering = 0;
  #frameAt = 0;
  #pace = 0;

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

  /** Whether to encode this frame, because the next would come too late. */
  isTime(now: number): boolean {
    const left = this.#askedAt + this.#answering - now;
    return left < this.making + this.#pace;
  }
}
