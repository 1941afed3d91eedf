/** Pictures out of a video: the centre square, scaled, as JPEG. Never stretched, never mirrored. */

export const PICTURE_SIZE = 224;
const JPEG = { type: "image/jpeg", quality: 0.8 };

export interface Square {
  left: number;
  top: number;
  side: number;
}

export interface Picture {
  jpeg: Uint8Array;
  /** When the camera took it, on the clock of performance.now(). */
  capturedAt: number;
  /** Milliseconds it took to crop, scale and compress. */
  encode: number;
}

/** The centre square; where it cannot be centred exactly, half a pixel up and to the left. */
export function centerSquare(width: number, height: number): Square {
  const side = Math.min(width, height);
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), side };
}

/** Takes pictures of a playing video on one canvas that is kept. */
export class Grabber {
  // Software canvas: the pixels are compressed on the CPU, and reading them back from a GPU stalls.
  readonly #context = context2d(new OffscreenCanvas(PICTURE_SIZE, PICTURE_SIZE));

  async grab(video: HTMLVideoElement, capturedAt = performance.now()): Promise<Picture> {
    const start = performance.now();
    const { left, top, side } = centerSquare(video.videoWidth, video.videoHeight);
    this.#context.drawImage(video, left, top, side, side, 0, 0, PICTURE_SIZE, PICTURE_SIZE);
    const blob = await this.#context.canvas.convertToBlob(JPEG);
    const jpeg = new Uint8Array(await blob.arrayBuffer());
    return { jpeg, capturedAt, encode: performance.now() - start };
  }
}

function context2d(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) throw new Error("This browser cannot draw on a canvas.");
  context.imageSmoothingQuality = "medium";
  return context;
}

/** Calls back once for every new video frame with the time it was captured; returns a stop. */
export function eachFrame(video: HTMLVideoElement, see: (capturedAt: number) => void): () => void {
  let handle: number;
  if ("requestVideoFrameCallback" in video) {
    const next: VideoFrameRequestCallback = (now, frame) => {
      handle = video.requestVideoFrameCallback(next);
      see(frame.captureTime ?? now);
    };
    handle = video.requestVideoFrameCallback(next);
    return () => video.cancelVideoFrameCallback(handle);
  }
  const element: HTMLVideoElement = video;
  let shown = -1;
  const next = (now: number) => {
    handle = requestAnimationFrame(next);
    if (element.currentTime === shown) return;
    shown = element.currentTime;
    see(now);
  };
  handle = requestAnimationFrame(next);
  return () => cancelAnimationFrame(handle);
}
