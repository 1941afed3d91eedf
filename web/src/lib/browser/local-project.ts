/** The classes and examples of a project in this browser, with undo. */

import { ApiError } from "../server/errors";
import type { ChangeInfo, ClassEdit, ClassInfo } from "../server/types";
import { examples as counted } from "../page/words";
import { classes as CLASSES } from "../../../../src/classify_anything/constants.json";
import type { ModelClass } from "./browser-model";

/** The first id of classes, examples and recordings that are added here. */
export const FIRST_LOCAL_ID = 1_000_000_000;
const MAX_CHANGES = 200;

export interface Example {
  id: number;
  classId: number;
  recordingId: number;
  source: string;
  /** Microseconds since 1970. */
  createdAt: number;
  /** Checksum of the picture. Checksum and time identify an example. */
  sha256: string;
}

/** A new example; ``createdAt`` defaults to now. */
export interface NewExample {
  recording: string;
  source: string;
  sha256: string;
  createdAt?: number | undefined;
}

export interface NewClass {
  name: string;
  color: number;
}

/** The content of a project. */
export interface Snapshot {
  classes: readonly ModelClass[];
  /** Oldest first. */
  examples: readonly Example[];
  /** Lower ids may belong to examples that undo can restore. */
  nextId: number;
}

/** Return new and changed examples by id; null means deleted. */
export function changed(before: Snapshot, after: Snapshot): Map<number, Example | null> {
  // Most changes add one example at the end.
  const same = before.examples.findIndex((one, place) => one !== after.examples[place]);
  const start = same < 0 ? before.examples.length : same;
  const former = new Set(before.examples.slice(start));
  const present = after.examples.slice(start).filter((one) => !former.delete(one));
  return new Map([
    ...Array.from(former, ({ id }) => [id, null] as const),
    ...present.map((one) => [one.id, one] as const),
  ]);
}

interface Change extends ChangeInfo {
  before: Snapshot;
  after: Snapshot;
  /** Changes of one press or one import are merged into one. */
  group: string | null;
}

export class LocalProject {
  revision = 0;
  #now: Snapshot;
  #nextId: number;
  #undo: Change[] = [];
  #redo: Change[] = [];
  /** The time of the newest example that was added here, in microseconds. */
  #latest = 0;
  readonly #recordings = new Map<string, number>();

  constructor(snapshot: Snapshot) {
    this.#now = snapshot;
    this.#nextId = snapshot.nextId;
  }

  get now(): Snapshot {
    return { ...this.#now, nextId: this.#nextId };
  }

  /** Take over the content that another tab wrote; this clears the undo history. */
  adopt(snapshot: Snapshot): void {
    this.#now = snapshot;
    this.#nextId = Math.max(this.#nextId, snapshot.nextId);
    this.#undo = this.#redo = [];
    this.revision += 1;
  }

  get undoable(): ChangeInfo | null {
    return changeInfo(this.#undo.at(-1));
  }

  get redoable(): ChangeInfo | null {
    return changeInfo(this.#redo.at(-1));
  }

  get classes(): ClassInfo[] {
    const idsOf = new Map<number, number[]>(this.#now.classes.map(({ id }) => [id, []]));
    for (const { id, classId } of this.#now.examples) idsOf.get(classId)?.push(id);
    return this.#now.classes.map((info) => {
      const ids = idsOf.get(info.id) ?? [];
      return { ...info, examples: ids.length, latest: ids.slice(-CLASSES.latest_examples).reverse() };
    });
  }

  addClass(name?: string): ModelClass {
    const chosen = name === undefined ? this.#freeName() : this.#checked(name);
    const info = this.#newClass(chosen);
    this.#change(`${chosen} added`, { classes: [...this.#now.classes, info] });
    return info;
  }

  editClass(id: number, { name, color }: ClassEdit): ModelClass {
    const before = this.classOf(id);
    const after = { ...before, name: name ? this.#checked(name, id) : before.name, color: color ?? before.color };
    const text =
      after.name === before.name ? `${before.name} changed colour` : `${before.name} renamed to ${after.name}`;
    this.#change(text, { classes: this.#now.classes.map((info) => (info.id === id ? after : info)) });
    return after;
  }

  deleteClass(id: number): void {
    const { name } = this.classOf(id);
    this.#change(`${name} deleted`, {
      classes: this.#now.classes.filter((info) => info.id !== id),
      examples: this.#now.examples.filter(({ classId }) => classId !== id),
    });
  }

  clearClass(id: number): void {
    const { name } = this.classOf(id);
    this.#remove(({ classId }) => classId === id, `of ${name} deleted`);
  }

  /** ``group`` identifies the press or import. Return the example and its change. */
  add(classId: number, group: string, details: NewExample): { example: Example; change: number } {
    const { name } = this.classOf(classId);
    let recordingId = this.#recordings.get(details.recording);
    if (recordingId === undefined) this.#recordings.set(details.recording, (recordingId = this.#nextId++));
    const { source, sha256, createdAt = this.#nextTimestamp() } = details;
    const example = { id: this.#nextId++, classId, recordingId, source, createdAt, sha256 };
    const last = this.#undo.at(-1);
    const before = last?.group === group ? last.before : this.#now;
    const added = this.#now.examples.length + 1 - before.examples.length;
    const change = this.#change(`${counted(added)} added to ${name}`, { examples: [...this.#now.examples, example] }, group);
    return { example, change };
  }

  /** Add to the class with this name; create it and ``classes`` if they are new. */
  addToLabel(label: string, classes: readonly NewClass[], group: string, details: NewExample): { example: Example; change: number } {
    for (const { name, color } of [...classes, { name: label, color: undefined }]) {
      if (this.#findClass(name)) continue;
      const info = this.#newClass(this.#checked(name), color);
      this.#change(`${info.name} added`, { classes: [...this.#now.classes, info] }, group);
    }
    return this.add(this.#findClass(label)?.id ?? -1, group, details);
  }

  /** Whether the class contains this picture, with the same time if ``createdAt`` is set. */
  has(label: string, sha256: string, createdAt?: number): boolean {
    const classId = this.#findClass(label)?.id;
    return this.#now.examples.some(
      (one) =>
        one.classId === classId &&
        one.sha256 === sha256 &&
        (createdAt === undefined || one.createdAt === createdAt),
    );
  }

  /** Return a function that restores the current state. */
  checkpoint(): () => void {
    const [now, undo, redo] = [this.#now, [...this.#undo], [...this.#redo]];
    return () => {
      [this.#now, this.#undo, this.#redo] = [now, undo, redo];
      this.revision += 1;
    };
  }

  move(ids: readonly number[], classId: number): void {
    const { name } = this.classOf(classId);
    const moved = this.#checkedIds(ids);
    this.#change(`${counted(moved.size)} moved to ${name}`, {
      examples: this.#now.examples.map((one) => (moved.has(one.id) ? { ...one, classId } : one)),
    });
  }

  remove(ids: readonly number[]): void {
    const gone = this.#checkedIds(ids);
    this.#remove(({ id }) => gone.has(id), "deleted");
  }

  removeLastRecording(): void {
    const last = this.#now.examples.at(-1);
    if (!last) throw new ApiError("nothing_to_undo", "There is no recording to delete.");
    this.#remove(({ recordingId }) => recordingId === last.recordingId, "deleted");
  }

  undo(expected?: number): void {
    this.#step(this.#undo, this.#redo, "before", "undo", expected);
  }

  redo(expected?: number): void {
    this.#step(this.#redo, this.#undo, "after", "redo", expected);
  }

  classOf(id: number): ModelClass {
    const info = this.#now.classes.find((info) => info.id === id);
    if (!info) throw new ApiError("not_found", `No class ${id}.`);
    return info;
  }

  #newClass(name: string, color?: number): ModelClass {
    const used = this.#now.classes.map(({ color }) => color);
    const rarest = [...Array(CLASSES.colors).keys()].sort((a, b) => count(used, a) - count(used, b))[0] ?? 0;
    return { id: this.#nextId++, name, color: color === undefined ? rarest : color % CLASSES.colors };
  }

  /** Return the current time, but always later than before: the time identifies an example. */
  #nextTimestamp(): number {
    const latest = this.#now.examples.findLast(({ id }) => id >= FIRST_LOCAL_ID)?.createdAt ?? 0;
    return (this.#latest = Math.max(Date.now() * 1000, latest + 1, this.#latest + 1));
  }

  #findClass(label: string): ModelClass | undefined {
    return this.#now.classes.find(({ name }) => name.toLowerCase() === clean(label).toLowerCase());
  }

  #remove(isGone: (example: Example) => boolean, what: string): void {
    const examples = this.#now.examples.filter((one) => !isGone(one));
    this.#change(`${counted(this.#now.examples.length - examples.length)} ${what}`, { examples });
  }

  #change(text: string, after: Partial<Snapshot>, group: string | null = null): number {
    const last = this.#undo.at(-1);
    const continues = group !== null && last?.group === group;
    const before = continues ? last.before : this.#now;
    this.#now = { ...this.#now, ...after };
    this.revision += 1;
    const id = continues ? last.id : this.revision;
    if (continues) this.#undo.pop();
    this.#undo.push({ id, text, before, after: this.#now, group });
    if (this.#undo.length > MAX_CHANGES) this.#undo.shift();
    this.#redo = [];
    return id;
  }

  #step(from: Change[], to: Change[], side: "before" | "after", verb: string, expected?: number): void {
    const change = from.at(-1);
    if (!change) throw new ApiError("nothing_to_undo", `There is nothing to ${verb}.`);
    if (expected !== undefined && change.id !== expected) {
      throw new ApiError("conflict", `Something else has changed since. ${verb === "undo" ? "Undo" : "Redo"} that first.`);
    }
    from.pop();
    to.push({ ...change, group: null });
    this.#now = change[side];
    this.revision += 1;
  }

  #checkedIds(ids: readonly number[]): Set<number> {
    const there = new Set(this.#now.examples.map(({ id }) => id));
    const missing = ids.find((id) => !there.has(id));
    if (missing !== undefined) throw new ApiError("not_found", `No example ${missing}.`);
    return new Set(ids);
  }

  #checked(name: string, own?: number): string {
    const wanted = clean(name);
    if (!wanted || wanted.length > CLASSES.longest_name) {
      throw new ApiError("bad_label", `A name has 1 to ${CLASSES.longest_name} characters.`);
    }
    const same = this.#findClass(wanted);
    if (same && same.id !== own) throw new ApiError("bad_label", `There is already a class ${same.name}.`);
    return wanted;
  }

  #freeName(): string {
    const names = new Set(this.#now.classes.map(({ name }) => name.toLowerCase()));
    let number = this.#now.classes.length + 1;
    while (names.has(`class ${number}`)) number++;
    return `Class ${number}`;
  }
}

function changeInfo(change: Change | undefined): ChangeInfo | null {
  return change ? { id: change.id, text: change.text } : null;
}

function clean(label: string): string {
  return label.normalize("NFC").trim().replace(/\s+/g, " ");
}

function count(values: readonly number[], wanted: number): number {
  return values.filter((value) => value === wanted).length;
}
