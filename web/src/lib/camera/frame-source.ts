/** Deliver each camera frame once, with its capture time. */

import type { CameraFrame } from "./camera";

export interface CapturedFrame {
  /** Capture time, on the clock of performance.now(). */
  capturedAt: number;
  /** The current picture; the caller closes it. */
  take(): CameraFrame | Promise<CameraFrame>;
  drop(): void;
}

type OnFrame = (frame: CapturedFrame) => void;

/** Not yet in TypeScript's library; some browsers have it in workers only. */
interface TrackProcessor {
  new (init: { track: MediaStreamTrack; maxBufferSize: number }): { readable: ReadableStream<VideoFrame> };
}

/** Watch every frame of the video's stream. Return a function that stops it. */
export function eachFrame(video: HTMLVideoElement, stream: MediaStream, onFrame: OnFrame): () => void {
  const { MediaStreamTrackProcessor: Processor } = globalThis as { MediaStreamTrackProcessor?: TrackProcessor };
  const [track] = stream.getVideoTracks();
  // A frame arrives up to one screen refresh sooner from the track than from the video.
  if (Processor && track) {
    return fromTrack(new Processor({ track, maxBufferSize: 1 }).readable.getReader(), onFrame);
  }
  return "requestVideoFrameCallback" in video ? fromCallbacks(video, onFrame) : fromRefreshes(video, onFrame);
}

export function present(video: HTMLVideoElement, capturedAt = performance.now()): CapturedFrame {
  const take = () =>
    "VideoFrame" in globalThis ? new VideoFrame(video, { timestamp: 0 }) : createImageBitmap(video);
  return { capturedAt, take, drop: () => undefined };
}

function fromTrack(reader: ReadableStreamDefaultReader<VideoFrame>, onFrame: OnFrame): () => void {
  // The camera's clock has another zero than the page's; the smallest delay so far is the offset.
  let offset = Infinity;
  const read = async (): Promise<void> => {
    const { value: frame } = await reader.read();
    if (!frame) return;
    const taken = frame.timestamp / 1000;
    offset = Math.min(offset, performance.now() - taken);
    onFrame({ capturedAt: taken + offset, take: () => frame, drop: () => frame.close() });
    return read();
  };
  void read();
  return () => void reader.cancel();
}

function fromCallbacks(video: HTMLVideoElement, onFrame: OnFrame): () => void {
  let handle: number;
  const next: VideoFrameRequestCallback = (now, { captureTime = now }) => {
    handle = video.requestVideoFrameCallback(next);
    onFrame(present(video, captureTime));
  };
  handle = video.requestVideoFrameCallback(next);
  return () => video.cancelVideoFrameCallback(handle);
}

function fromRefreshes(video: HTMLVideoElement, onFrame: OnFrame): () => void {
  let handle: number;
  let shown = -1;
  const next = (now: number) => {
    handle = requestAnimationFrame(next);
    if (video.currentTime === shown) return;
    shown = video.currentTime;
    onFrame(present(video, now));
  };
  handle = requestAnimationFrame(next);
  return () => cancelAnimationFrame(handle);
}
