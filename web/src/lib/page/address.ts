/** Where the page is: what stands after the # of its address, so that reload and back work. */

export const VIEWS = [
  { id: "live", name: "Live" },
  { id: "examples", name: "Examples" },
  { id: "evaluate", name: "Evaluate" },
  { id: "export", name: "Export" },
  { id: "how", name: "How it works" },
] as const;

export type View = (typeof VIEWS)[number]["id"];
export type Query = Record<string, string | number | null>;

/** ``#/examples?class=3``; what is null is left out. */
export function addressOf(view: View, query: Query = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]]));
  return given.length > 0 ? `#/${view}?${new URLSearchParams(given)}` : `#/${view}`;
}

export function parseAddress(hash: string): { view: View; query: URLSearchParams } {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { view: VIEWS.find(({ id }) => id === path)?.id ?? "live", query: new URLSearchParams(query) };
}
