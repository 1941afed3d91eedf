import { PictureMaker, type CameraFrame } from "./camera";

export interface Order {
  id: number;
  frame: CameraFrame;
}

export type Delivery = { id: number; jpeg: ArrayBuffer } | { id: number; error: string };

const maker = new PictureMaker();

self.onmessage = async ({ data: { id, frame } }: MessageEvent<Order>) => {
  try {
    const jpeg = await maker.make(frame);
    self.postMessage({ id, jpeg } satisfies Delivery, { transfer: [jpeg] });
  } catch (error) {
    self.postMessage({ id, error: String(error) } satisfies Delivery);
  }
};
