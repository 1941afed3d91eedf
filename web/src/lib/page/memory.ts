/** What the browser keeps for this page; where it keeps nothing, nothing is remembered. */

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Then the next visit uses the defaults.
  }
}
