/** Record at once or after a countdown, while the button is held or for a fixed time. */

import type { ImageQuery } from "../files/image-query.svelte";
import { countDown } from "./countdown";
import type { Live } from "../live/live.svelte";
import type { RecordingOptions } from "./recording-options.svelte";

interface Countdown {
  classId: number;
  /** Seconds. */
  left: number;
}

export class Recorder {
  countdown = $state.raw<Countdown | null>(null);
  /** The class that is recorded now or after the countdown. */
  readonly pressed: number | null = $derived.by(() => this.countdown?.classId ?? this.#live.held);

  readonly #live: Live;
  readonly #imageQuery: ImageQuery;
  readonly #recordingOptions: RecordingOptions;
  #cancelStart = (): void => undefined;
  #cancelEnd = (): void => undefined;

  constructor(live: Live, imageQuery: ImageQuery, recordingOptions: RecordingOptions) {
    this.#live = live;
    this.#imageQuery = imageQuery;
    this.#recordingOptions = recordingOptions;
  }

  press(classId: number): void {
    if (this.#imageQuery.question) {
      void this.#imageQuery.teach(classId);
      return;
    }
    const again = this.pressed === classId;
    if (again && !this.#recordingOptions.timed) return;
    this.stop();
    if (again) return;
    this.#cancelStart = countDown(this.#recordingOptions.delay, (left) => {
      this.countdown = left > 0 ? { classId, left } : null;
      if (left === 0) this.#record(classId);
    });
  }

  /** End a recording that lasts while the button is held. */
  release(): void {
    if (!this.#recordingOptions.timed) this.stop();
  }

  stop(): void {
    this.#cancelStart();
    this.#cancelEnd();
    this.countdown = null;
    this.#live.release();
  }

  #record(classId: number): void {
    const { rate, length, timed } = this.#recordingOptions;
    this.#live.press(classId, rate);
    if (!timed) return;
    this.#cancelEnd = countDown(length, (left) => {
      if (left === 0) this.#live.release();
    });
  }
}
