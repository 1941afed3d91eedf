/** Pictures out of the camera's frames: the centre square, scaled, as JPEG. Never stretched, never mirrored. */

/** The side of a picture, in pixels; of a network that sees more, that. */
export const PICTURE_SIZE = 224;
/** At 0.8 an embedding turns by 18° from that of the same picture uncompressed, at 0.95 by 10°. */
const JPEG = { type: "image/jpeg", quality: 0.95 };
const SMOOTHING = "medium";

export type CameraFrame = VideoFrame | ImageBitmap;

export interface Square {
  left: number;
  top: number;
  side: number;
}

/** The centre square; where it cannot be centred exactly, half a pixel up and to the left. */
export function centerSquare(width: number, height: number): Square {
  const side = Math.min(width, height);
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), side };
}

/** Makes pictures on one canvas that is kept. */
export class PictureMaker {
  // Software canvas: the pixels are compressed on the CPU, and reading them back from a GPU stalls.
  readonly #context = context2d(new OffscreenCanvas(PICTURE_SIZE, PICTURE_SIZE));

  /** The frame is drawn, and closed, before this returns its promise. */
  async make(frame: CameraFrame, size: number): Promise<ArrayBuffer> {
    const { canvas } = this.#context;
    if (canvas.width !== size) {
      canvas.width = canvas.height = size;
      this.#context.imageSmoothingQuality = SMOOTHING; // A new size forgets it.
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
