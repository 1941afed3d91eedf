import type { Timings } from "../server/types";

/** One answered frame, in milliseconds. */
export interface Sample {
  seq: number;
  capturedAt: number;
  shownAt: number;
  wait: number;
  encode: number;
  wire: number;
  show: number;
  timings: Timings;
}

export interface Summary {
  /** Answers in the last second. */
  rate: number;
  /** Medians over the last second, in milliseconds. */
  latency: number;
  stages: [name: string, milliseconds: number][];
}

const WINDOW_MS = 1000;

/** Measure the rate and the stages of the answers in the last second. */
export class Meter {
  #samples: Sample[] = [];

  record(sample: Sample): void {
    this.#samples.push(sample);
  }

  /** Forget the samples of another place. */
  clear(): void {
    this.#samples = [];
  }

  summary(now: number): Summary | null {
    this.#samples = this.#samples.filter(({ shownAt }) => now - shownAt < WINDOW_MS);
    if (this.#samples.length === 0) return null;
    const typical = (of: (sample: Sample) => number) => median(this.#samples.map(of));
    return {
      rate: this.#samples.length,
      latency: typical(({ shownAt, capturedAt }) => shownAt - capturedAt),
      stages: [
        ["Wait for the page", typical(({ wait }) => wait)],
        ["Compress the picture", typical(({ encode }) => encode)],
        ["Send and wait", typical(({ wire, timings }) => wire + timings.queue)],
        ["Read the picture", typical(({ timings }) => timings.decode)],
        ["Run the network", typical(({ timings }) => timings.backbone)],
        ["Compare with the examples", typical(({ timings }) => timings.head)],
        ["Show the answer", typical(({ show }) => show)],
      ],
    };
  }
}

/** Leave the sample on the browser's own timeline, for benchmarks/latency.py. */
export function leaveMeasure({ seq, capturedAt, shownAt, wait, encode, wire, timings, show }: Sample): void {
  performance.measure("frame", {
    start: capturedAt,
    end: shownAt,
    detail: { seq, wait, encode, wire, timings, show },
  });
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
