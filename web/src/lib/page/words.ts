/** Counts, measures and names as people read them. */

const NUMBER = new Intl.NumberFormat("en");
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

const SOURCES: Record<string, string> = {
  camera: "Camera",
  http: "Another program",
  import: "Files",
  picture: "Single pictures",
  python: "Python",
  video: "Video",
};

/** No line break between a number and its unit. */
const SPACE = "\u00a0";

export function percent(probability: number): string {
  return `${Math.round(probability * 100)}${SPACE}%`;
}

export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(value < 1 ? 2 : 1) : number(Math.round(value))}${SPACE}ms`;
}

/** As 17.9 MB. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes}${SPACE}B`;
  const [value, unit] = bytes < 1e6 ? [bytes / 1000, "kB"] : [bytes / 1e6, "MB"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${SPACE}${unit}`;
}

export function number(value: number): string {
  return NUMBER.format(value);
}

export function counted(count: number, one: string, many: string): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

export function examples(count: number): string {
  return counted(count, "example", "examples");
}

/** Seconds, as 1:05 or 0:07.5. */
export function duration(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const whole = Math.floor((tenths % 600) / 10);
  const rest = tenths % 10 ? `.${tenths % 10}` : "";
  return `${Math.floor(tenths / 600)}:${String(whole).padStart(2, "0")}${rest}`;
}

/** A point in time, in seconds since 1970. */
export function moment(seconds: number): string {
  return WHEN.format(seconds * 1000);
}

/** The short last word of a name, or its last digits, which distinguish it from similar names. */
export function endOf(name: string): string {
  return /((?<=\S)\s\S{1,8}|(?<=\S\S)\d{1,6})$/u.exec(name)?.[0] ?? "";
}

/** A text with names in it, in this order, as what stands before, between and after them, and they themselves. */
export function splitAt(text: string, names: readonly string[]): string[] {
  const parts: string[] = [];
  let rest = text;
  for (const name of names) {
    const place = rest.indexOf(name);
    if (place < 0) continue;
    parts.push(rest.slice(0, place), name);
    rest = rest.slice(place + name.length);
  }
  return [...parts, rest];
}

/** Where examples came from. */
export function sourceName(source: string): string {
  return SOURCES[source] ?? source;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
