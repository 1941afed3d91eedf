import { expect, test } from "vitest";
import { chosenSnippets, filled, shellQuoted } from "./snippets";

const NAMES = { name: "my \"desk\"'s.onnx", labels: ["a \"b\"", "</c>"], size: 224, threshold: null };

test("a name is quoted as each language does it", () => {
  const code = (language: string) => filled({ language, code: "open(NAME)" }, NAMES);
  expect(code("Python")).toBe('open("my \\"desk\\"\'s.onnx")');
  expect(code("JavaScript")).toBe('open("my%20%22desk%22\'s.onnx")');
  expect(code("Terminal")).toBe("open('my \"desk\"'\\''s.onnx')");
  expect(code("The page")).toBe("open(my \"desk\"'s.onnx)");
});

test("a plain name needs no quotes in a terminal, and what looks like an option does", () => {
  expect(shellQuoted("desk-1.onnx")).toBe("desk-1.onnx");
  expect(shellQuoted("-rf")).toBe("'-rf'");
  expect(shellQuoted("$(rm x)")).toBe("'$(rm x)'");
});

test("labels and the size are put in, and what they hold is not replaced again", () => {
  const snippet = { language: "JavaScript", code: "LABELS SIZE RENAMED" };
  expect(filled(snippet, { ...NAMES, labels: ["NAME"] })).toBe('["NAME"] 224 RENAMED');
  const threshold = (value: number | null) => filled({ ...snippet, code: "THRESHOLD" }, { ...NAMES, threshold: value });
  expect([threshold(null), threshold(0), threshold(-0.25)]).toEqual(["-Infinity", "0", "-0.25"]);
});

test("a snippet comes and goes with its option", () => {
  const snippets = [
    { language: "A", code: "", when: "embed" },
    { language: "B", code: "", unless: "embed" },
    { language: "C", code: "" },
  ];
  const shown = (embed: boolean) => chosenSnippets(snippets, { embed }).map(({ language }) => language);
  expect(shown(true)).toEqual(["A", "C"]);
  expect(shown(false)).toEqual(["B", "C"]);
});
