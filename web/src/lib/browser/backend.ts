/** The project is in this browser: what an export brought, and what was taught here since. */

import type { Backend } from "../backend";
import { ApiError } from "../errors";
import type { Listener, Predictor } from "../predictor";
import type { Api } from "../rest";
import type { ClassInfo, PredictionInfo, State } from "../types";
import { checkAbilities } from "./abilities";
import { browserExports } from "./browser-exports";
import { BrowserPredictor } from "./browser-predictor";
import { tell, tellReady } from "./embedded";
import { startEngine } from "./engine";
import type { Engine } from "./engine.worker";
import { read } from "./files";
import { parseKnowledge, type Knowledge } from "./knowledge";
import { LocalImport } from "./local-import";
import { LocalProject, merged, type Example, type Snapshot } from "./local-project";
import type { Marks } from "./marks";
import { kept } from "./offline";
import { Shelf, type Kept, type KeptPicture } from "./shelf";
import { parseThumbnails } from "./thumbnails";
import { packed } from "./zips";

/** Where an example goes: a class by its id or its name, and what it belongs to. */
export interface Target {
  class_id?: number;
  label?: string;
  recording: string;
  /** Examples of one group are undone together. */
  group: string;
  source: string;
}

export class BrowserBackend implements Backend {
  readonly api: Api;
  readonly views: readonly ("live" | "examples" | "export")[];
  readonly exports = browserExports(
    () => this.#takeHome(),
    () => this.#knowledge.project,
  );
  readonly engine: Engine;
  /** Settles when everything is there; rejects with one line that a person understands. */
  readonly ready: Promise<void>;
  readonly #marks: Marks;
  readonly #imports = new Map<string, LocalImport>();
  #knowledge!: Knowledge;
  #project!: LocalProject;
  #shelf: Shelf | null = null;
  #pictures = new Map<number, KeptPicture>();
  #addresses = new Map<number, string>();
  #listener: Listener | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(marks: Marks) {
    this.#marks = marks;
    this.views = marks.frozen ? ["live"] : ["live", "examples", "export"];
    const seen = kept();
    this.engine = startEngine(seen);
    this.ready = seen.then(() => {
      checkAbilities();
      return this.#open();
    });
    this.api = this.#api();
  }

  createPredictor(listener: Listener): Predictor {
    this.#listener = listener;
    return new BrowserPredictor(this, listener);
  }

  readonly imageAddress = (exampleId: number) => this.thumbnailAddress(exampleId);

  thumbnailAddress(exampleId: number): string {
    const known = this.#addresses.get(exampleId);
    if (known) return known;
    const kept = this.#pictures.get(exampleId);
    if (!kept) return "";
    const address = URL.createObjectURL(kept.picture);
    this.#addresses.set(exampleId, address);
    return address;
  }

  get state(): State {
    const { undoable, redoable, revision } = this.#project;
    return {
      type: "state",
      revision,
      project: this.#knowledge.project,
      backbone: this.#knowledge.backbone.name,
      version: this.#knowledge.package,
      image_size: this.#marks.size,
      settings: {
        head: this.#knowledge.head.name,
        strictness: this.#knowledge.strictness,
        deciding: this.#knowledge.head.name,
      },
      classes: this.#project.classes,
      undo: undoable,
      redo: redoable,
      notice: "",
      frozen: this.#marks.frozen,
      run: "",
    };
  }

  /** Be told of each answer about the camera. */
  answered(prediction: PredictionInfo): void {
    tell(prediction, new Map(this.#project.now.classes.map(({ id, name }) => [id, name])));
  }

  /** Keep a picture as an example; ``vector`` is its embedding. */
  async add(picture: Blob, vector: Float32Array, target: Target): Promise<{ example: Example; change: number }> {
    const sha256 = await digest(picture);
    const pictures = new Map<number, KeptPicture>();
    return this.#change(() => {
      const { class_id, label, group, recording, source } = target;
      const added =
        label === undefined
          ? this.#project.add(class_id ?? -1, group, recording, source)
          : this.#project.take(label, group, recording, source);
      pictures.set(added.example.id, { picture, vector, sha256 });
      return added;
    }, pictures);
  }

  /** What was taught here, as a zip that ``classify-anything import`` reads. */
  async #takeHome(): Promise<Blob> {
    const taught = this.#project.now.examples.flatMap((example) => {
      const kept = this.#pictures.get(example.id);
      return kept ? [{ ...example, ...kept }] : [];
    });
    if (taught.length === 0) throw new ApiError("bad_input", "Nothing was taught here yet.");
    return packed(this.#project.now.classes, taught);
  }

  async #open(): Promise<void> {
    const opened = this.engine.open(address("backbone.onnx"), this.#marks.size, true);
    const [file, thumbnails] = await Promise.all([
      read(address("knowledge.bin"), true),
      read(address("thumbnails.bin")),
    ]);
    this.#knowledge = parseKnowledge(file.slice(0));
    this.#addresses = parseThumbnails(thumbnails, this.#knowledge.examples.ids);
    const shipped = merged(this.#knowledge, null);
    const former = await this.#load();
    const snapshot = former?.made === this.#marks.made ? former : merged(this.#knowledge, former);
    this.#project = new LocalProject(snapshot);
    await opened;
    await this.engine.check(address("backbone.onnx"), true, this.#knowledge.probe);
    await this.engine.know(file);
    this.#listener?.state(this.state);
    tellReady();
    void this.#teach(shipped, snapshot);
  }

  async #load(): Promise<Kept | null> {
    if (this.#marks.frozen) return null;
    try {
      this.#shelf = await Shelf.open(`classify-anything ${location.pathname}`);
      const { kept, pictures } = await this.#shelf.load();
      this.#pictures = pictures;
      const wanted = new Set(kept?.examples.map(({ id }) => id));
      await this.#shelf.forget([...pictures.keys()].filter((id) => !wanted.has(id)));
      return kept;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#listener?.error(`${why} What you teach is gone when the page is closed.`);
      return null;
    }
  }

  /** Do one change after the other: in the project, on the shelf, in the engine; else nothing has changed. */
  #change<T>(act: () => T, pictures = new Map<number, KeptPicture>()): Promise<T> {
    const turn = this.#turn.then(async () => {
      const before = this.#project.now;
      const restore = this.#project.checkpoint();
      let result: T;
      try {
        result = act();
        const { now } = this.#project;
        await this.#shelf?.save(this.#kept(now), pictures);
      } catch (error) {
        restore();
        throw error;
      }
      for (const [id, picture] of pictures) this.#pictures.set(id, picture);
      await this.#teach(before, this.#project.now);
      this.#listener?.state(this.state);
      return result;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #kept({ classes, examples }: Snapshot): Kept {
    const { head, strictness } = this.#knowledge;
    return { classes, examples, made: this.#marks.made, head: head.name, strictness };
  }

  /** Tell the engine what is different. */
  async #teach(before: Snapshot, after: Snapshot): Promise<void> {
    const was = new Map(before.examples.map((one) => [one.id, one.classId]));
    const is = new Map(after.examples.map((one) => [one.id, one.classId]));
    const lessons = after.examples
      .filter(({ id, classId }) => was.get(id) !== classId)
      .map(({ id, classId }) => ({ id, classId, ...vectorOf(this.#pictures.get(id)) }));
    await this.engine.arrange([...after.classes]);
    const gone = [...was.keys()].filter((id) => !is.has(id));
    if (gone.length > 0) await this.engine.forget(gone);
    if (lessons.length > 0) await this.engine.learn(lessons);
  }

  /** A change, and the state after it. */
  async #edit(act: (project: LocalProject) => void): Promise<State> {
    await this.ready;
    await this.#change(() => act(this.#project));
    return this.state;
  }

  #api(): Api {
    const edit = this.#edit.bind(this);
    return {
      state: async () => this.ready.then(() => this.state),
      createClass: async (name) => {
        await this.ready;
        const { id } = await this.#change(() => this.#project.addClass(name));
        return this.#info(id);
      },
      editClass: async (id, change) => {
        await this.#change(() => this.#project.editClass(id, change));
        return this.#info(id);
      },
      deleteClass: (id) => edit((project) => project.deleteClass(id)),
      clearClass: (id) => edit((project) => project.clearClass(id)),
      index: async () => {
        await this.ready;
        const rows = this.#project.now.examples.toReversed();
        const names = [...new Set(rows.map(({ source }) => source))];
        return {
          revision: this.#project.revision,
          ids: rows.map(({ id }) => id),
          class_ids: rows.map(({ classId }) => classId),
          recording_ids: rows.map(({ recordingId }) => recordingId),
          sources: rows.map(({ source }) => names.indexOf(source)),
          source_names: names,
          created_at: rows.map(({ createdAt }) => createdAt),
        };
      },
      examples: async ({ class_id, before, limit }) => {
        const found = this.#project.now.examples
          .filter(({ id, classId }) => classId === class_id && id < before)
          .toReversed();
        return { examples: found.slice(0, limit).map(toInfo), next: found[limit]?.id ?? null };
      },
      neighbors: async (id, limit) => ({ neighbors: await this.engine.neighbors(id, limit) }),
      addExample: async (image, { class_id, label, recording, source }) => {
        const { vector } = await this.engine.predict(image);
        const press = recording ?? crypto.randomUUID();
        const where = label === undefined ? { class_id: class_id ?? -1 } : { label };
        const { example, change } = await this.add(image, vector, { ...where, recording: press, group: press, source });
        return { ...toInfo(example), change };
      },
      moveExamples: (ids, classId) => edit((project) => project.move(ids, classId)),
      deleteExamples: (ids) => edit((project) => project.remove(ids)),
      deleteLastRecording: () => edit((project) => project.removeLastRecording()),
      undo: (change) => edit((project) => project.undo(change)),
      redo: (change) => edit((project) => project.redo(change)),
      predict: async (image) => {
        await this.ready;
        const { prediction } = await this.engine.predict(image);
        if (!prediction) throw new ApiError("bad_input", "Nothing is learnt yet.");
        return prediction;
      },
      beginImport: async () => {
        const job = new LocalImport(crypto.randomUUID());
        this.#imports.set(job.info.id, job);
        return job.info;
      },
      sendFile: async (id, path, file) => this.#import(id).put(path, file),
      startImport: async (id, label) => {
        const job = this.#import(id);
        void job.run(label, (picture, place) => this.#take(picture, id, place));
        return job.info;
      },
      importInfo: async (id) => ({ ...this.#import(id).info }),
      cancelImport: async (id) => {
        const { info } = this.#import(id);
        const before = { ...info };
        this.#import(id).cancel();
        if (before.status === "running" && info.change !== null) await edit((project) => project.undo(info.change ?? undefined));
        return before;
      },
      evaluation: () => notHere(),
      map: () => notHere(),
      editSettings: () => notHere(),
      backbones: () => notHere(),
      beginBackbones: () => notHere(),
      cancelBackbones: () => notHere(),
      layers: () => notHere(),
      knowledge: () => notHere(),
      exportSizes: () => notHere(),
      beginExport: () => notHere(),
      exportInfo: () => notHere(),
      dropExport: () => notHere(),
    };
  }

  /** One picture of an import; the same bytes in the same class are there already. */
  async #take(picture: Blob, group: string, { label, recording }: { label: string; recording: string }) {
    const { vector } = await this.engine.predict(picture);
    const sha256 = await digest(picture);
    const same = [...this.#pictures].flatMap(([id, kept]) => (kept.sha256 === sha256 ? [id] : []));
    if (this.#project.has(label, same)) return { known: true, change: null };
    const { change } = await this.add(picture, vector, { label, group, recording, source: "import" });
    return { known: false, change };
  }

  #import(id: string): LocalImport {
    const job = this.#imports.get(id);
    if (!job) throw new ApiError("not_found", `No import ${id}.`);
    return job;
  }

  #info(id: number): ClassInfo {
    const info = this.#project.classes.find((info) => info.id === id);
    if (!info) throw new ApiError("not_found", `No class ${id}.`);
    return info;
  }
}

function toInfo({ id, classId, recordingId, createdAt, source }: Example) {
  return {
    id,
    class_id: classId,
    recording_id: recordingId,
    width: 0,
    height: 0,
    created_at: new Date(createdAt * 1000).toISOString(),
    source,
  };
}

function vectorOf(kept: KeptPicture | undefined): { vector?: Float32Array } {
  return kept ? { vector: kept.vector } : {};
}

function notHere(): Promise<never> {
  return Promise.reject(new ApiError("not_here", "An exported page does not do this; the program does."));
}

function address(name: string): string {
  return new URL(name, document.baseURI).href;
}

async function digest(picture: Blob): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await picture.arrayBuffer()));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
