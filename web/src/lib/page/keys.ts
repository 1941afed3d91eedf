/** Which key means what. Keys count nowhere where a person types. */

export type Shortcut = { act: "hold"; index: number } | { act: "undo" | "redo" | "help" | "stop" };

type KeyPress = Pick<KeyboardEvent, "code" | "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

export function shortcutOf(event: KeyPress): Shortcut | null {
  const command = event.ctrlKey || event.metaKey;
  if (event.altKey) return null;
  if (command) {
    const key = event.key.toLowerCase();
    if (key === "z") return { act: event.shiftKey ? "redo" : "undo" };
    return key === "y" ? { act: "redo" } : null;
  }
  if (event.key === "Escape") return { act: "stop" };
  if (event.key === "?") return { act: "help" };
  // By place, not by character: on a French keyboard the digits need Shift.
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  return digit && !event.shiftKey ? { act: "hold", index: Number(digit) - 1 } : null;
}

/** Whether a key goes into a field, or belongs to an open dialog, rather than to the page. */
export function isElsewhere(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;
}
