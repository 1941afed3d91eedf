/** Times in microseconds since 1970, as integers: as precise as in the program. */

/** Format as 2026-01-31T12:34:56.789012Z. */
export function toIso(moment: number): string {
  const thousandths = Math.floor(moment / 1000);
  const rest = String(moment - 1000 * thousandths).padStart(3, "0");
  return new Date(thousandths).toISOString().replace("Z", `${rest}Z`);
}

/** Undefined if the text is not a time. A time without a zone is UTC. */
export function fromIso(text: string): number | undefined {
  const [, date, time, fraction = "", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/.exec(text) ?? [];
  const whole = Date.parse(`${date}T${time}${zone}`);
  return Number.isNaN(whole) ? undefined : 1000 * whole + Number(fraction.padEnd(6, "0").slice(0, 6));
}
