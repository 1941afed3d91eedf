import { expect, test } from "vitest";
import { costOf } from "./separable";

test("32 kernels of 3×3 on 128×128×3", () => {
  const cost = costOf({ size: 128, channels: 3, kernels: 32, kernel: 3 });
  expect(cost.standard).toBe(13_716_864);
  expect(cost.depthwise + cost.pointwise).toBe(1_952_748);
  expect(Math.round(cost.share * 1000)).toBe(142);
});

test("the share is 1/N + 1/k², whatever the picture", () => {
  for (const [size, channels, kernels, kernel] of [[56, 24, 144, 5], [224, 3, 8, 7], [7, 320, 1280, 3]] as const) {
    expect(costOf({ size, channels, kernels, kernel }).share).toBeCloseTo(1 / kernels + 1 / kernel ** 2, 12);
  }
});
