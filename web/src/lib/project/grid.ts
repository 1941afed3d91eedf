/** A grid of equal squares; only visible rows are rendered. Lengths are in CSS pixels. */

export interface Grid {
  count: number;
  columns: number;
  rows: number;
  /** The side of a square. */
  side: number;
  /** The distance from one square to the next. */
  step: number;
  height: number;
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Fit as many columns as possible, each at least ``least`` wide; at least one. */
export function layOut(count: number, width: number, least: number, gap: number): Grid {
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const side = Math.max(1, (width - gap * (columns - 1)) / columns);
  const rows = Math.ceil(count / columns);
  return { count, columns, rows, side, step: side + gap, height: Math.max(0, rows * (side + gap) - gap) };
}

export function placeOf({ columns, step }: Grid, index: number): { left: number; top: number } {
  return { left: (index % columns) * step, top: Math.floor(index / columns) * step };
}

/** Return the first visible row and the one after the last, with ``spare`` more on both sides. */
export function rowsWithin({ rows, step }: Grid, top: number, height: number, spare = 0): [number, number] {
  const first = Math.floor(top / step) - spare;
  const end = Math.ceil((top + height) / step) + spare;
  return [Math.min(Math.max(0, first), rows), Math.min(Math.max(0, end), rows)];
}

export function touchedBy(grid: Grid, box: Box): number[] {
  const { count, columns, side, step } = grid;
  const [top, end] = rowsWithin(grid, box.top, box.bottom - box.top);
  const touched: number[] = [];
  for (let row = top; row < end; row++) {
    if (box.top > row * step + side || box.bottom < row * step) continue;
    for (let column = 0; column < columns; column++) {
      const index = row * columns + column;
      const left = column * step;
      if (index < count && box.right >= left && box.left <= left + side) touched.push(index);
    }
  }
  return touched;
}

/** Return the index after a key press; null for other keys. ``page`` is in rows. */
export function stepped({ count, columns }: Grid, index: number, key: string, page: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index - columns,
    ArrowDown: index + columns,
    PageUp: index - columns * page,
    PageDown: index + columns * page,
    Home: 0,
    End: count - 1,
  };
  const next = steps[key];
  if (next === undefined || count === 0) return null;
  // Arrow keys stop at the edge; page keys go to the end.
  if ((key === "ArrowUp" && next < 0) || (key === "ArrowDown" && next >= count)) return index;
  return Math.min(Math.max(0, next), count - 1);
}
