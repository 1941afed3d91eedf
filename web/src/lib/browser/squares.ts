/** Decode pictures to the square of RGB pixels that the backbone requires. */

import { centerSquare } from "../camera/camera";

export class SquareReader {
  readonly #size: number;
  readonly #context: OffscreenCanvasRenderingContext2D;

  constructor(size: number) {
    this.#size = size;
    const context = new OffscreenCanvas(size, size).getContext("2d", { alpha: false, willReadFrequently: true });
    if (!context) throw new Error("This browser cannot draw on a canvas.");
    context.imageSmoothingQuality = "medium";
    this.#context = context;
  }

  /** Return [size, size, 3]. Rejects with one line for people. */
  async read(picture: Blob): Promise<Uint8Array> {
    const bitmap = await createImageBitmap(picture).catch(() => {
      throw new Error("This browser cannot read this picture.");
    });
    const { left, top, side } = centerSquare(bitmap.width, bitmap.height);
    this.#context.fillStyle = "#fff";
    this.#context.fillRect(0, 0, this.#size, this.#size);
    this.#context.drawImage(bitmap, left, top, side, side, 0, 0, this.#size, this.#size);
    bitmap.close();
    return withoutAlpha(this.#context.getImageData(0, 0, this.#size, this.#size).data);
  }
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from]!;
    rgb[to + 1] = rgba[from + 1]!;
    rgb[to + 2] = rgba[from + 2]!;
  }
  return rgb;
}
