/** An immutable selection of ids. */

export interface Selection {
  readonly ids: ReadonlySet<number>;
  /** The start of a range. */
  readonly anchor: number | null;
  /** The keyboard focus. */
  readonly cursor: number | null;
}

export const NOTHING: Selection = { ids: new Set(), anchor: null, cursor: null };

export function pick(id: number): Selection {
  return { ids: new Set([id]), anchor: id, cursor: id };
}

export function toggle({ ids }: Selection, id: number): Selection {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { ids: next, anchor: id, cursor: id };
}

export function extend({ anchor }: Selection, order: readonly number[], id: number): Selection {
  const from = anchor === null ? -1 : order.indexOf(anchor);
  if (from < 0) return pick(id);
  const to = order.indexOf(id);
  const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ids: new Set(range), anchor, cursor: id };
}

export function join(selection: Selection, ids: readonly number[]): Selection {
  return { ...selection, ids: new Set([...selection.ids, ...ids]) };
}

export function everything(order: readonly number[]): Selection {
  return { ids: new Set(order), anchor: order[0] ?? null, cursor: order.at(-1) ?? null };
}

/** Remove missing ids; return the same value if there are none. */
export function without(selection: Selection, isThere: (id: number) => boolean): Selection {
  const { ids, anchor, cursor } = selection;
  const present = (id: number | null) => (id !== null && isThere(id) ? id : null);
  const left = [...ids].filter(isThere);
  if (left.length === ids.size && present(anchor) === anchor && present(cursor) === cursor) return selection;
  return { ids: new Set(left), anchor: present(anchor), cursor: present(cursor) };
}
