import { PictureMaker, type CameraFrame } from "./camera";

export interface EngineRequest {
  id: number;
  frame: CameraFrame;
  size: number;
}

export type EngineResponse = { id: number; jpeg: ArrayBuffer } | { id: number; error: string };

const maker = new PictureMaker();

self.onmessage = async ({ data: { id, frame, size } }: MessageEvent<EngineRequest>) => {
  try {
    const jpeg = await maker.make(frame, size);
    self.postMessage({ id, jpeg } satisfies EngineResponse, { transfer: [jpeg] });
  } catch (error) {
    self.postMessage({ id, error: String(error) } satisfies EngineResponse);
  }
};
