/** The frames of the camera as they come: each once, with the time it was taken. */

import type { CameraFrame } from "./camera";

/** One frame, to be taken or dropped. */
export interface CapturedFrame {
  /** When the camera took it, on the clock of performance.now(). */
  capturedAt: number;
  /** The picture as it is at this moment; whoever takes it closes it. */
  take(): CameraFrame | Promise<CameraFrame>;
  drop(): void;
}

type OnFrame = (frame: CapturedFrame) => void;

/** Not yet in TypeScript's library, and in some browsers for workers only. */
interface TrackProcessor {
  new (init: { track: MediaStreamTrack; maxBufferSize: number }): { readable: ReadableStream<VideoFrame> };
}

/** Sees every frame of the stream that the video plays; returns a stop. */
export function eachFrame(video: HTMLVideoElement, stream: MediaStream, onFrame: OnFrame): () => void {
  const { MediaStreamTrackProcessor: Processor } = globalThis as { MediaStreamTrackProcessor?: TrackProcessor };
  const [track] = stream.getVideoTracks();
  // Straight from the track a frame arrives up to one screen refresh sooner than in the video.
  if (Processor && track) {
    return fromTrack(new Processor({ track, maxBufferSize: 1 }).readable.getReader(), onFrame);
  }
  return "requestVideoFrameCallback" in video ? fromCallbacks(video, onFrame) : fromRefreshes(video, onFrame);
}

/** What the video shows now. */
export function present(video: HTMLVideoElement, capturedAt = performance.now()): CapturedFrame {
  const take = () =>
    "VideoFrame" in globalThis ? new VideoFrame(video, { timestamp: 0 }) : createImageBitmap(video);
  return { capturedAt, take, drop: () => undefined };
}

function fromTrack(reader: ReadableStreamDefaultReader<VideoFrame>, onFrame: OnFrame): () => void {
  // The camera's clock has another zero than the page's: the least delay seen so far tells it.
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
