import { expect, test } from "vitest";
import { shortcutOf } from "./keys";

function press(key: string, code: string, modifiers: Partial<KeyboardEvent> = {}) {
  return { key, code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...modifiers };
}

test("the digits hold a class, wherever the keyboard has them", () => {
  expect(shortcutOf(press("1", "Digit1"))).toEqual({ act: "hold", index: 0 });
  expect(shortcutOf(press("9", "Numpad9"))).toEqual({ act: "hold", index: 8 });
  expect(shortcutOf(press("&", "Digit1"))).toEqual({ act: "hold", index: 0 });
  expect(shortcutOf(press("0", "Digit0"))).toBeNull();
});

test("Ctrl or Cmd with Z, Shift+Z and Y undo and redo", () => {
  expect(shortcutOf(press("z", "KeyZ", { ctrlKey: true }))).toEqual({ act: "undo" });
  expect(shortcutOf(press("z", "KeyZ", { metaKey: true }))).toEqual({ act: "undo" });
  expect(shortcutOf(press("Z", "KeyZ", { ctrlKey: true, shiftKey: true }))).toEqual({ act: "redo" });
  expect(shortcutOf(press("y", "KeyY", { ctrlKey: true }))).toEqual({ act: "redo" });
});

test("the browser keeps its own keys", () => {
  expect(shortcutOf(press("1", "Digit1", { ctrlKey: true }))).toBeNull();
  expect(shortcutOf(press("1", "Digit1", { altKey: true }))).toBeNull();
  expect(shortcutOf(press("z", "KeyZ"))).toBeNull();
});

test("a question mark shows the keys", () => {
  expect(shortcutOf(press("?", "Slash", { shiftKey: true }))).toEqual({ act: "help" });
});

test("Escape stops", () => {
  expect(shortcutOf(press("Escape", "Escape"))).toEqual({ act: "stop" });
});
