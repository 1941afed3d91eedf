import { expect, test } from "vitest";
import { Announcer, STABLE_MS } from "./announcer";

function heard(labels: [label: string, until: number][]): string[] {
  const announcer = new Announcer();
  const said: string[] = [];
  let now = 0;
  for (const [label, until] of labels) {
    for (; now < until; now += 50) {
      const text = announcer.hear(label, now);
      if (text !== null) said.push(text);
    }
  }
  return said;
}

test("a label is announced once, when it has stood still for a second", () => {
  expect(heard([["Mug", STABLE_MS]])).toEqual([]);
  expect(heard([["Mug", 10 * STABLE_MS]])).toEqual(["Mug"]);
});

test("a flicker is not announced, nor the same label again after it", () => {
  expect(heard([["Mug", 3000], ["Cup", 3300], ["Mug", 6000]])).toEqual(["Mug"]);
});

test("a label that comes back after another one is announced again", () => {
  expect(heard([["Mug", 2000], ["Cup", 4000], ["Mug", 6000]])).toEqual(["Mug", "Cup", "Mug"]);
});
