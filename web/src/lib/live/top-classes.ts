/** Choose the classes to show when there is no room for all. */

/** A class replaces another only if it is this much more probable, to avoid flicker. */
const LEAD = 0.05;

/**
 * The ids to show, ``room`` of them: the most probable one always, and those that follow it. They stand still; one that
 * comes takes the place of the least probable.
 *
 * @param before what was shown until now
 * @param ids all, in their order
 */
export function topClasses(
  before: readonly number[],
  ids: readonly number[],
  probabilities: Readonly<Record<string, number>>,
  room: number,
): number[] {
  const of = (id: number) => probabilities[id] ?? 0;
  const most = Math.max(...ids.map(of));
  const kept = before.filter((id) => ids.includes(id)).slice(0, room);
  const rest = ids.filter((id) => !kept.includes(id));
  const shown = [...kept, ...rest.splice(0, room - kept.length)];
  for (const id of rest.toSorted((one, other) => of(other) - of(one))) {
    const place = leastOf(shown.map(of));
    const least = of(shown[place] ?? id);
    if (of(id) <= least + (of(id) === most ? 0 : LEAD)) break;
    shown[place] = id;
  }
  return shown;
}

function leastOf(values: readonly number[]): number {
  return values.indexOf(Math.min(...values));
}
