/** How many multiplications a convolution takes, in its standard and its depthwise-separable form. */

export interface Convolution {
  /** The side of the picture, in pixels. */
  size: number;
  /** Channels of the picture. */
  channels: number;
  /** Kernels: channels of the output. */
  kernels: number;
  /** The side of a kernel, k. */
  kernel: number;
}

export interface Cost {
  standard: number;
  depthwise: number;
  pointwise: number;
  /** Share of the separable form: (depthwise + pointwise) / standard = 1/N + 1/k². */
  share: number;
}

/** Without padding: the kernel stands on (size − k + 1)² places. */
export function costOf({ size, channels, kernels, kernel }: Convolution): Cost {
  const places = (size - kernel + 1) ** 2;
  const standard = places * kernels * channels * kernel ** 2;
  const depthwise = places * channels * kernel ** 2;
  const pointwise = places * channels * kernels;
  return { standard, depthwise, pointwise, share: (depthwise + pointwise) / standard };
}
