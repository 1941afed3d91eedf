/** Counts and measures as people read them. */

export function percent(probability: number): string {
  return `${Math.round(probability * 100)} %`;
}

export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function examples(count: number): string {
  return `${count} ${count === 1 ? "example" : "examples"}`;
}
