/** The classes and examples of a page without a server, and what can be undone. */

import { ApiError } from "../errors";
import type { ChangeInfo, ClassEdit, ClassInfo } from "../types";
import { examples as counted } from "../words";
import type { KnownClass, Knowledge } from "./knowledge";

/** Classes, examples and recordings that are made here have ids from here on. */
export const FIRST_LOCAL_ID = 1_000_000_000;
const COLORS = 8;
const LATEST = 12;
const MOST_CHANGES = 200;

export interface Example {
  id: number;
  classId: number;
  recordingId: number;
  source: string;
  /** Seconds since 1970. */
  createdAt: number;
}

/** What there is at one moment. */
export interface Snapshot {
  classes: readonly KnownClass[];
  /** Oldest first. */
  examples: readonly Example[];
}

interface Change extends ChangeInfo {
  before: Snapshot;
  after: Snapshot;
  /** Examples of the same press, or of the same import, are one change. */
  group: string | null;
}

export class LocalProject {
  revision = 0;
  #now: Snapshot;
  #nextId = FIRST_LOCAL_ID;
  #undo: Change[] = [];
  #redo: Change[] = [];
  readonly #recordings = new Map<string, number>();

  constructor(snapshot: Snapshot) {
    this.#now = snapshot;
    const used = [...snapshot.classes.map(({ id }) => id), ...snapshot.examples.flatMap((one) => [one.id, one.recordingId])];
    this.#nextId = used.reduce((next, id) => Math.max(next, id + 1), FIRST_LOCAL_ID);
  }

  get now(): Snapshot {
    return this.#now;
  }

  get undoable(): ChangeInfo | null {
    return told(this.#undo.at(-1));
  }

  get redoable(): ChangeInfo | null {
    return told(this.#redo.at(-1));
  }

  get classes(): ClassInfo[] {
    return this.#now.classes.map((info) => {
      const mine = this.#now.examples.filter(({ classId }) => classId === info.id);
      const latest = mine.slice(-LATEST).map(({ id }) => id);
      return { ...info, examples: mine.length, latest: latest.reverse() };
    });
  }

  addClass(name?: string): KnownClass {
    const chosen = name === undefined ? this.#freeName() : this.#checked(name);
    const info = this.#newClass(chosen);
    this.#change(`${chosen} added`, { classes: [...this.#now.classes, info] });
    return info;
  }

  editClass(id: number, { name, color }: ClassEdit): KnownClass {
    const before = this.classOf(id);
    const after = { ...before, name: name ? this.#checked(name, id) : before.name, color: color ?? before.color };
    const text =
      after.name === before.name ? `${before.name} given another colour` : `${before.name} renamed to ${after.name}`;
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

  /** ``group`` names the press or the import that it is part of. Gives the example and its change. */
  add(classId: number, group: string, recording: string, source: string): { example: Example; change: number } {
    const { name } = this.classOf(classId);
    let recordingId = this.#recordings.get(recording);
    if (recordingId === undefined) this.#recordings.set(recording, (recordingId = this.#nextId++));
    const example = { id: this.#nextId++, classId, recordingId, source, createdAt: Math.floor(Date.now() / 1000) };
    const last = this.#undo.at(-1);
    const before = last?.group === group ? last.before : this.#now;
    const added = this.#now.examples.length + 1 - before.examples.length;
    const change = this.#change(`${counted(added)} added to ${name}`, { examples: [...this.#now.examples, example] }, group);
    return { example, change };
  }

  /** As ``add``, to the class of this name, which is added if it is new. */
  take(label: string, group: string, recording: string, source: string): { example: Example; change: number } {
    const known = this.#named(label);
    if (!known) {
      const name = this.#checked(label);
      this.#change(`${name} added`, { classes: [...this.#now.classes, this.#newClass(name)] }, group);
    }
    return this.add((known ?? this.#now.classes.at(-1))?.id ?? -1, group, recording, source);
  }

  /** Whether there is an example of this class among these. */
  has(label: string, ids: readonly number[]): boolean {
    const classId = this.#named(label)?.id;
    return this.#now.examples.some((one) => one.classId === classId && ids.includes(one.id));
  }

  /** Gives a function that makes everything as it is now. */
  checkpoint(): () => void {
    const [now, undo, redo] = [this.#now, [...this.#undo], [...this.#redo]];
    return () => {
      [this.#now, this.#undo, this.#redo] = [now, undo, redo];
      this.revision += 1;
    };
  }

  move(ids: readonly number[], classId: number): void {
    const { name } = this.classOf(classId);
    const moved = this.#known(ids);
    this.#change(`${counted(moved.size)} moved to ${name}`, {
      examples: this.#now.examples.map((one) => (moved.has(one.id) ? { ...one, classId } : one)),
    });
  }

  remove(ids: readonly number[]): void {
    const gone = this.#known(ids);
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

  classOf(id: number): KnownClass {
    const info = this.#now.classes.find((info) => info.id === id);
    if (!info) throw new ApiError("not_found", `No class ${id}.`);
    return info;
  }

  #newClass(name: string): KnownClass {
    const used = this.#now.classes.map(({ color }) => color);
    const color = [...Array(COLORS).keys()].sort((a, b) => count(used, a) - count(used, b))[0] ?? 0;
    return { id: this.#nextId++, name, color };
  }

  #named(label: string): KnownClass | undefined {
    return this.#now.classes.find(({ name }) => name.toLowerCase() === clean(label).toLowerCase());
  }

  #remove(isGone: (example: Example) => boolean, what: string): void {
    const examples = this.#now.examples.filter((one) => !isGone(one));
    this.#change(`${counted(this.#now.examples.length - examples.length)} ${what}`, { examples });
  }

  #change(text: string, after: Partial<Snapshot>, group: string | null = null): number {
    const last = this.#undo.at(-1);
    const goesOn = group !== null && last?.group === group;
    const before = goesOn ? last.before : this.#now;
    this.#now = { ...this.#now, ...after };
    this.revision += 1;
    const id = goesOn ? last.id : this.revision;
    if (goesOn) this.#undo.pop();
    this.#undo.push({ id, text, before, after: this.#now, group });
    if (this.#undo.length > MOST_CHANGES) this.#undo.shift();
    this.#redo = [];
    return id;
  }

  #step(from: Change[], to: Change[], side: "before" | "after", verb: string, expected?: number): void {
    const change = from.at(-1);
    if (!change) throw new ApiError("nothing_to_undo", `There is nothing to ${verb}.`);
    if (expected !== undefined && change.id !== expected) {
      throw new ApiError("conflict", `Something else was changed since; ${verb} that first.`);
    }
    from.pop();
    to.push({ ...change, group: null });
    this.#now = change[side];
    this.revision += 1;
  }

  #known(ids: readonly number[]): Set<number> {
    const there = new Set(this.#now.examples.map(({ id }) => id));
    const missing = ids.find((id) => !there.has(id));
    if (missing !== undefined) throw new ApiError("not_found", `No example ${missing}.`);
    return new Set(ids);
  }

  #checked(name: string, own?: number): string {
    const wanted = clean(name);
    if (!wanted || wanted.length > 100) throw new ApiError("bad_label", "A name has 1 to 100 characters.");
    const same = this.#named(wanted);
    if (same && same.id !== own) throw new ApiError("bad_label", `There is a class ${same.name} already.`);
    return wanted;
  }

  #freeName(): string {
    const names = new Set(this.#now.classes.map(({ name }) => name.toLowerCase()));
    let number = this.#now.classes.length + 1;
    while (names.has(`class ${number}`)) number++;
    return `Class ${number}`;
  }
}

/** What the export brought, with what was taught here before. */
export function merged({ classes, examples }: Knowledge, kept: Snapshot | null): Snapshot {
  const shipped = examples.ids.map((id, place) => ({
    id,
    classId: examples.class_ids[place] ?? -1,
    recordingId: examples.recording_ids[place] ?? -1,
    source: examples.sources[place] ?? "",
    createdAt: examples.created_at[place] ?? 0,
  }));
  if (!kept) return { classes, examples: shipped };
  const taught = kept.examples.filter(({ id }) => id >= FIRST_LOCAL_ID);
  const named = new Map(classes.map(({ id, name }) => [name.toLowerCase(), id]));
  const all = [...classes];
  // A class is found again by its id, then by its name; else it comes along.
  const ids = new Map(
    kept.classes.map((info) => {
      const found = classes.find(({ id }) => id === info.id)?.id ?? named.get(info.name.toLowerCase());
      if (found === undefined && (info.id >= FIRST_LOCAL_ID || taught.some(({ classId }) => classId === info.id))) {
        all.push(info);
      }
      return [info.id, found ?? info.id];
    }),
  );
  return { classes: all, examples: [...shipped, ...taught.map((one) => ({ ...one, classId: ids.get(one.classId) ?? one.classId }))] };
}

function told(change: Change | undefined): ChangeInfo | null {
  return change ? { id: change.id, text: change.text } : null;
}

function clean(label: string): string {
  return label.normalize("NFC").trim().replace(/\s+/g, " ");
}

function count(values: readonly number[], wanted: number): number {
  return values.filter((value) => value === wanted).length;
}
