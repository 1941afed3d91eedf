import { PictureMaker, type CameraFrame } from "./camera";

export interface Order {
  id: number;
  frame: CameraFrame;
  size: number;
}

export type Delivery = { id: number; jpeg: ArrayBuffer } | { id: number; error: string };

const maker = new PictureMaker();

self.onmessage = async ({ data: { id, frame, size } }: MessageEvent<Order>) => {
  try {
    const jpeg = await maker.make(frame, size);
    self.postMessage({ id, jpeg } satisfies Delivery, { transfer: [jpeg] });
  } catch (error) {
    self.postMessage({ id, error: String(error) } satisfies Delivery);
  }
};
