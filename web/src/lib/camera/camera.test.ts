import { expect, test } from "vitest";
import { centerSquare } from "./camera";

test.each([
  { size: [640, 480], square: { left: 80, top: 0, side: 480 } },
  { size: [480, 640], square: { left: 0, top: 80, side: 480 } },
  { size: [1920, 1080], square: { left: 420, top: 0, side: 1080 } },
  { size: [224, 224], square: { left: 0, top: 0, side: 224 } },
  { size: [641, 480], square: { left: 80, top: 0, side: 480 } },
])("the centre square of $size", ({ size: [width = 0, height = 0], square }) => {
  expect(centerSquare(width, height)).toEqual(square);
});
