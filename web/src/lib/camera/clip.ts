/** Extract frames from a video file at even times, cropped like camera frames. */

import type { FrameEncoder } from "./frame-encoder";
import { present } from "./frame-source";

/** Seconds, and frames per second. */
export interface Cut {
  start: number;
  end: number;
  rate: number;
}

export const RATES = [1, 2, 5, 10];

/** Return the frame times, from the start and before the end. */
export function timesOf({ start, end, rate }: Cut): number[] {
  // A rounding error must not add a frame at the end.
  const count = Math.max(1, Math.ceil((end - start) * rate - 1e-6));
  return Array.from({ length: count }, (_, number) => start + number / rate);
}

/** Open a video. Rejects with one line for people. */
export async function openClip(file: File): Promise<HTMLVideoElement> {
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.preload = "auto";
  video.src = URL.createObjectURL(file);
  try {
    await event(video, "loadeddata");
    if (video.videoWidth === 0) throw new Error("no picture");
    // Browsers record videos without a duration; seeking to the end reveals it.
    if (!Number.isFinite(video.duration)) await seek(video, Number.MAX_SAFE_INTEGER);
    await seek(video, 0);
    return video;
  } catch {
    closeClip(video);
    throw new Error(`${file.name}: this browser finds no pictures in it. Save it as MP4 or WebM and try again.`);
  }
}

export function closeClip(video: HTMLVideoElement): void {
  URL.revokeObjectURL(video.src);
  video.removeAttribute("src");
  video.load();
}

/** Return JPEGs in order; ``seen`` is the side of the network's input. */
export async function* picturesOf(
  video: HTMLVideoElement,
  times: readonly number[],
  encoder: FrameEncoder,
  seen?: number,
): AsyncGenerator<Blob> {
  for (const time of times) {
    await seek(video, time);
    const { jpeg } = await encoder.grab(present(video), seen);
    yield new Blob([jpeg], { type: "image/jpeg" });
  }
}

export async function seek(video: HTMLVideoElement, time: number): Promise<void> {
  const arrived = event(video, "seeked");
  video.currentTime = time;
  await arrived;
}

function event(video: HTMLVideoElement, name: "loadeddata" | "seeked"): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener(name, () => resolve(), { once: true });
    video.addEventListener("error", () => reject(new Error(video.error?.message)), { once: true });
  });
}
