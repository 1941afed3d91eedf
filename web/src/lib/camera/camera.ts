/** Crop the centre square of camera frames, scale it and encode it as JPEG. Never stretch or mirror. */

/** Minimum side of a picture, in pixels; a network with a larger input gets larger pictures. */
export const PICTURE_SIZE = 224;
/** JPEG quality: at 0.8 the embedding is 18° from that of the uncompressed picture, at 0.95 10°. */
const JPEG = { type: "image/jpeg", quality: 0.95 };
const SMOOTHING = "medium";

export type CameraFrame = VideoFrame | ImageBitmap;

export interface Square {
  left: number;
  top: number;
  side: number;
}

/** Return the centre square, half a pixel up and to the left if it cannot be centred exactly. */
export function centerSquare(width: number, height: number): Square {
  const side = Math.min(width, height);
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), side };
}

/** Encode pictures, reusing one canvas. */
export class PictureMaker {
  // Software canvas: the pixels are compressed on the CPU, and reading them back from a GPU stalls.
  readonly #context = context2d(new OffscreenCanvas(PICTURE_SIZE, PICTURE_SIZE));

  /** The frame is drawn, and closed, before this returns its promise. */
  async make(frame: CameraFrame, size: number): Promise<ArrayBuffer> {
    const { canvas } = this.#context;
    if (canvas.width !== size) {
      canvas.width = canvas.height = size;
      this.#context.imageSmoothingQuality = SMOOTHING; // Resizing resets it.
    }
    const [width, height] =
      "displayWidth" in frame ? [frame.displayWidth, frame.displayHeight] : [frame.width, frame.height];
    const { left, top, side } = centerSquare(width, height);
    this.#context.drawImage(frame, left, top, side, side, 0, 0, size, size);
    frame.close();
    const blob = await canvas.convertToBlob(JPEG);
    return blob.arrayBuffer();
  }
}

function context2d(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) throw new Error("This browser cannot draw on a canvas.");
  context.imageSmoothingQuality = SMOOTHING;
  return context;
}
