import { expect, test } from "vitest";
import { distinct, pickedFiles, sorted, walk, type LocalFile } from "./files";

type Tree = { [name: string]: Tree | string };

/** What a browser gives for a dropped folder: entries, two at a time. */
function entryOf(name: string, content: Tree | string): FileSystemEntry {
  if (typeof content === "string") {
    const file = new File([content], name);
    return { name, isFile: true, file: (done: (file: File) => void) => done(file) } as unknown as FileSystemEntry;
  }
  const createReader = () => {
    const rest = Object.entries(content).map(([inner, of]) => entryOf(inner, of));
    return { readEntries: (done: (batch: FileSystemEntry[]) => void) => done(rest.splice(0, 2)) };
  };
  return { name, isFile: false, createReader } as unknown as FileSystemEntry;
}

async function pathsOf(name: string, content: Tree | string): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of walk(entryOf(name, content))) found.push(path);
  return found;
}

test("a folder is walked to its end, in the order that people count", async () => {
  const tree = { "10.jpg": "", "9.jpg": "", cups: { "1.jpg": "", deep: { "2.jpg": "" } }, "a.png": "", "b.png": "" };
  expect(await pathsOf("all", tree)).toEqual([
    "all/9.jpg",
    "all/10.jpg",
    "all/a.png",
    "all/b.png",
    "all/cups/1.jpg",
    "all/cups/deep/2.jpg",
  ]);
});

test("hidden files and the system's own are passed over", async () => {
  expect(await pathsOf("f", { ".git": { x: "" }, ".DS_Store": "", __MACOSX: { "1.jpg": "" }, "1.jpg": "" })).toEqual([
    "f/1.jpg",
  ]);
  const picked = ["f/.DS_Store", "f/1.jpg"].map((path) => {
    const file = new File([], path.split("/").at(-1) ?? "");
    return Object.defineProperty(file, "webkitRelativePath", { value: path });
  });
  expect(pickedFiles(picked).map(({ path }) => path)).toEqual(["f/1.jpg"]);
});

test("an empty folder and a file alone", async () => {
  expect(await pathsOf("empty", {})).toEqual([]);
  expect(await pathsOf("1.jpg", "x")).toEqual(["1.jpg"]);
});

test("files with equal names get numbers", () => {
  const local = (path: string): LocalFile => ({ path, file: new File([], path) });
  const names = ["mug.jpg", "MUG.jpg", "mug.jpg", "a.b/mug", "a.b/mug", "mug (2).jpg"];
  expect(distinct(names.map(local)).map(({ path }) => path)).toEqual([
    "mug.jpg",
    "MUG (2).jpg",
    "mug (3).jpg",
    "a.b/mug",
    "a.b/mug (2)",
    "mug (2) (2).jpg",
  ]);
});

test("files are sorted by what is to be asked about them", () => {
  const local = (path: string, type = ""): LocalFile => ({ path, file: new File([], path, { type }) });
  const { pictures, videos, collections, others } = sorted([
    local("1.JPG"),
    local("pasted", "image/png"),
    local("clip.mov"),
    local("clip", "video/mp4"),
    local("set.zip"),
    local("mugs/1.jpg"),
    local("mugs/clip.mp4"),
    local("notes.txt"),
  ]);
  const paths = (files: LocalFile[]) => files.map(({ path }) => path);
  expect(paths(pictures)).toEqual(["1.JPG", "pasted"]);
  expect(paths(videos)).toEqual(["clip.mov", "clip"]);
  expect(paths(collections)).toEqual(["set.zip", "mugs/1.jpg", "mugs/clip.mp4"]);
  expect(paths(others)).toEqual(["notes.txt"]);
});
