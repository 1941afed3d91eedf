/** The frames of the camera as they come: each once, with the time it was taken. */

import type { CameraFrame } from "./camera";

/** One frame, to be taken or dropped. */
export interface Sight {
  /** When the camera took it, on the clock of performance.now(). */
  capturedAt: number;
  /** The picture as it is at this moment; whoever takes it closes it. */
  take(): CameraFrame | Promise<CameraFrame>;
  drop(): void;
}

type See = (sight: Sight) => void;

/** Not yet in TypeScript's library, and in some browsers for workers only. */
interface TrackProcessor {
  new (init: { track: MediaStreamTrack; maxBufferSize: number }): { readable: ReadableStream<VideoFrame> };
}

/** Sees every frame of the stream that the video plays; returns a stop. */
export function eachFrame(video: HTMLVideoElement, stream: MediaStream, see: See): () => void {
  const { MediaStreamTrackProcessor: Processor } = globalThis as { MediaStreamTrackProcessor?: TrackProcessor };
  const [track] = stream.getVideoTracks();
  // Straight from the track a frame arrives up to one screen refresh sooner than in the video.
  if (Processor && track) {
    return fromTrack(new Processor({ track, maxBufferSize: 1 }).readable.getReader(), see);
  }
  return "requestVideoFrameCallback" in video ? fromCallbacks(video, see) : fromRefreshes(video, see);
}

/** What the video shows now. */
export function present(video: HTMLVideoElement, capturedAt = performance.now()): Sight {
  const take = () =>
    "VideoFrame" in globalThis ? new VideoFrame(video, { timestamp: 0 }) : createImageBitmap(video);
  return { capturedAt, take, drop: () => undefined };
}

function fromTrack(reader: ReadableStreamDefaultReader<VideoFrame>, see: See): () => void {
  // The camera's clock has another zero than the page's: the least delay seen so far tells it.
  let offset = Infinity;
  const read = async (): Promise<void> => {
    const { value: frame } = await reader.read();
    if (!frame) return;
    const taken = frame.timestamp / 1000;
    offset = Math.min(offset, performance.now() - taken);
    see({ capturedAt: taken + offset, take: () => frame, drop: () => frame.close() });
    return read();
  };
  void read();
  return () => void reader.cancel();
}

function fromCallbacks(video: HTMLVideoElement, see: See): () => void {
  let handle: number;
  const next: VideoFrameRequestCallback = (now, { captureTime = now }) => {
    handle = video.requestVideoFrameCallback(next);
    see(present(video, captureTime));
  };
  handle = video.requestVideoFrameCallback(next);
  return () => video.cancelVideoFrameCallback(handle);
}

function fromRefreshes(video: HTMLVideoElement, see: See): () => void {
  let handle: number;
  let shown = -1;
  const next = (now: number) => {
    handle = requestAnimationFrame(next);
    if (video.currentTime === shown) return;
    shown = video.currentTime;
    see(present(video, now));
  };
  handle = requestAnimationFrame(next);
  return () => cancelAnimationFrame(handle);
}
