/** What is selected of a list, by id. Values do not change: each step gives a new one. */

export interface Selection {
  readonly ids: ReadonlySet<number>;
  /** Where a range begins. */
  readonly anchor: number | null;
  /** Where the keyboard is. */
  readonly cursor: number | null;
}

export const NOTHING: Selection = { ids: new Set(), anchor: null, cursor: null };

/** This one and no other. */
export function pick(id: number): Selection {
  return { ids: new Set([id]), anchor: id, cursor: id };
}

/** This one as well, or no longer. */
export function toggle({ ids }: Selection, id: number): Selection {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { ids: next, anchor: id, cursor: id };
}

/** All from the anchor to this one. */
export function extend({ anchor }: Selection, order: readonly number[], id: number): Selection {
  const from = anchor === null ? -1 : order.indexOf(anchor);
  if (from < 0) return pick(id);
  const to = order.indexOf(id);
  const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ids: new Set(range), anchor, cursor: id };
}

/** These beside those selected before. */
export function join(selection: Selection, ids: readonly number[]): Selection {
  return { ...selection, ids: new Set([...selection.ids, ...ids]) };
}

export function everything(order: readonly number[]): Selection {
  return { ids: new Set(order), anchor: order[0] ?? null, cursor: order.at(-1) ?? null };
}

/** Without what is gone; the same value if nothing is. */
export function without(selection: Selection, isThere: (id: number) => boolean): Selection {
  const { ids, anchor, cursor } = selection;
  const kept = (id: number | null) => (id !== null && isThere(id) ? id : null);
  const left = [...ids].filter(isThere);
  if (left.length === ids.size && kept(anchor) === anchor && kept(cursor) === cursor) return selection;
  return { ids: new Set(left), anchor: kept(anchor), cursor: kept(cursor) };
}
