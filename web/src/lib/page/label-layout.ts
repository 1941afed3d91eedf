/** Where the texts of points stand in a picture, so that none covers another or a point. */

const LINE = 18;
const REACH = 14;
const LETTER = 7.5;
const MIDDLE = 320;
const RADIUS = 8;

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

/** A point with the height of its text, and whether the text is left of it. */
export type Placed<P extends Point> = P & { readonly beside: number; readonly left: boolean };

/** From the top down, not above `top`: a text stands beside its point, or below that where it would cover something. */
export function placed<P extends Point>(points: readonly P[], top: number): Placed<P>[] {
  let free = top;
  return points.toSorted((a, b) => a.y - b.y).map((point) => {
    const left = point.x > MIDDLE;
    let beside = Math.max(point.y, free);
    while (points.some((other) => other !== point && covers(point, left, beside, other))) beside += 1;
    free = beside + LINE;
    return { ...point, beside, left };
  });
}

function covers({ x, text }: Point, left: boolean, height: number, other: Point): boolean {
  const length = REACH + LETTER * text.length;
  const [begin, end] = left ? [x - length, x] : [x, x + length];
  return Math.abs(other.y - height) < REACH && other.x > begin - RADIUS && other.x < end + RADIUS;
}
