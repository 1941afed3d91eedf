import { expect, test } from "vitest";
import type { BrowserModel } from "./browser-model";
import { changed, FIRST_LOCAL_ID, LocalProject } from "./local-project";
import { mergeSnapshots, exportedSnapshot } from "./merging";

function browserModel(examples: { id: number; classId: number; createdAt: number }[]): BrowserModel {
  return {
    classes: [
      { id: 1, name: "mug", color: 0 },
      { id: 2, name: "cup", color: 1 },
    ],
    examples: {
      ids: examples.map(({ id }) => id),
      class_ids: examples.map(({ classId }) => classId),
      recording_ids: examples.map(({ id }) => id),
      sources: examples.map(() => "camera"),
      created_at: examples.map(({ createdAt }) => createdAt),
      sha256: examples.map(() => "same"),
    },
  } as unknown as BrowserModel;
}

const told = { recording: "press", source: "camera", sha256: "same" };

test("equal pictures added at the same moment get different times", () => {
  const project = new LocalProject(exportedSnapshot(browserModel([])));
  for (let i = 0; i < 5; i++) project.add(1, "press", told);
  const times = project.now.examples.map(({ createdAt }) => createdAt);
  expect(new Set(times).size).toBe(5);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.every(Number.isInteger)).toBe(true);
});

test("what was undone leaves its id unused, also for another page", () => {
  const project = new LocalProject(exportedSnapshot(browserModel([])));
  const { example } = project.add(1, "press", told);
  project.undo();
  const other = new LocalProject(exportedSnapshot(browserModel([])));
  other.adopt(project.now);
  expect(other.add(1, "press", told).example.id).toBeGreaterThan(example.id);
});

test("what another page has done cannot be undone here", () => {
  const project = new LocalProject(exportedSnapshot(browserModel([])));
  project.add(1, "press", told);
  project.adopt({ ...project.now, examples: [] });
  expect(project.undoable).toBeNull();
});

test("changed() finds new, changed and deleted examples", () => {
  const project = new LocalProject(exportedSnapshot(browserModel([1, 2, 3].map((id) => ({ id, classId: 1, createdAt: id })))));
  const before = project.now;
  project.move([2], 2);
  project.remove([1]);
  const { example } = project.add(1, "press", told);
  expect([...changed(before, project.now)].map(([id, one]) => [id, one?.classId])).toEqual([
    [1, undefined],
    [2, 2],
    [example.id, 1],
  ]);
  expect(changed(before, before).size).toBe(0);
});

test("what came home is there once, in the class that it has there", () => {
  const project = new LocalProject(exportedSnapshot(browserModel([])));
  const [first, second] = [project.add(1, "press", told), project.add(1, "press", told)].map(({ example }) => example);
  const newer = browserModel([{ id: 7, classId: 2, createdAt: first!.createdAt }]);
  const both = mergeSnapshots(exportedSnapshot(newer), project.now);
  expect(both.examples.map(({ id, classId }) => [id, classId])).toEqual([
    [7, 2],
    [second!.id, 1],
  ]);
  expect(both.nextId).toBeGreaterThan(FIRST_LOCAL_ID);
});

test("a class that the newer export has under the same name is that class", () => {
  const project = new LocalProject(exportedSnapshot(browserModel([])));
  const { example } = project.addToLabel("Plate", [], "press", told);
  const newer = browserModel([]);
  newer.classes.push({ id: 3, name: "plate", color: 2 });
  const both = mergeSnapshots(exportedSnapshot(newer), project.now);
  expect(both.classes.map(({ name }) => name)).toEqual(["mug", "cup", "plate"]);
  expect(both.examples).toEqual([{ ...example, classId: 3 }]);
});
