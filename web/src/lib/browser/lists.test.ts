import { expect, test } from "vitest";
import { readLists } from "./lists";

const file = (path: string, text: string) => ({ path, file: new File([text], path.split("/").at(-1) ?? path) });

test("lists tell label, recording, source and time, and the classes their colours", async () => {
  const { pictures, metadata, classes } = await readLists([
    file("zip/a/2.png", ""),
    file("zip/a/1.png", ""),
    file("zip/other.png", ""),
    file(
      "zip/metadata.csv",
      '\ufefffile_name,label,recording,created_at,source,sha256\r\na/1.png,"blue, ""sky""",4,2026-11-24T09:30:00.000001+00:00,camera,aa\r\na/2.png,3" disk,,,,\r\n',
    ),
    file("zip/classes.csv", 'name,color\r\n"blue, ""sky""",5\r\nx,1\r\n\r\n'),
  ]);
  expect(pictures.map(({ path }) => path)).toEqual(["zip/a/1.png", "zip/a/2.png", "zip/other.png"]);
  expect(metadata.get("zip/a/1.png")).toEqual({
    label: 'blue, "sky"',
    recording: "4",
    source: "camera",
    createdAt: 1_795_512_600_000_001,
  });
  expect(metadata.get("zip/a/2.png")).toEqual({ label: '3" disk', recording: undefined, source: undefined, createdAt: undefined });
  expect(classes).toEqual([
    { name: 'blue, "sky"', color: 5 },
    { name: "x", color: 1 },
  ]);
});

test("a list of another program tells no classes", async () => {
  const { classes } = await readLists([file("classes.csv", "id,label\r\n1,mug\r\n")]);
  expect(classes).toEqual([]);
});
