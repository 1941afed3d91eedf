/** The project is in this browser: what an export brought, and what was taught here since. */

import type { Backend } from "../server/backend";
import { ApiError } from "../server/errors";
import type { Listener, Predictor } from "../live/predictor";
import type { PredictionInfo, State } from "../server/types";
import { checkAbilities } from "./abilities";
import type { TrainingExample } from "./model";
import { browserApi } from "./browser-api";
import type { BrowserProject, Target } from "./browser-project";
import { browserExports } from "./browser-exports";
import { BrowserPredictor } from "./browser-predictor";
import { tell, tellReady } from "./embedded";
import { startEngine } from "./engine";
import type { Engine } from "./engine.worker";
import { read } from "./files";
import { parseBrowserModel, type BrowserModel } from "./browser-model";
import type { Place } from "./local-import";
import { changed, type Example, type LocalProject, type Snapshot } from "./local-project";
import type { PageMetadata } from "./page-metadata";
import { Journal } from "./journal";
import { kept } from "./offline";
import { examined, type Examined } from "./pictures";
import { parseThumbnails } from "./thumbnails";
import { wantedViews } from "./views";
import { packed, type Packed } from "./zips";

export class BrowserBackend implements Backend, BrowserProject {
  readonly api = browserApi(this);
  readonly privacy = "The pictures never leave this device.";
  readonly views: readonly ("live" | "examples" | "export")[];
  readonly exports = browserExports(
    () => this.#taught(),
    () => this.#takeHome(),
    () => this.#browserModel.project,
  );
  readonly engine: Engine;
  /** Settles when everything is there; rejects with one line that a person understands. */
  readonly ready: Promise<void>;
  journal!: Journal;
  readonly #metadata: PageMetadata;
  #browserModel!: BrowserModel;
  #thumbnails!: ReadonlyMap<number, Blob>;
  readonly #addresses = new Map<number, string>();
  #listener: Listener | null = null;
  #making = false;

  constructor(metadata: PageMetadata) {
    this.#metadata = metadata;
    this.views = metadata.read_only ? ["live"] : ["live", "examples", "export"];
    const seen = kept();
    this.engine = startEngine(seen);
    this.ready = seen.then(() => {
      checkAbilities(!metadata.read_only);
      return this.#open();
    });
  }

  createPredictor(listener: Listener): Predictor {
    this.#listener = listener;
    return new BrowserPredictor(this, listener);
  }

  readonly imageAddress = (exampleId: number) => this.thumbnailAddress(exampleId);

  thumbnailAddress(exampleId: number): string {
    const known = this.#addresses.get(exampleId);
    if (known) return known;
    const picture = this.#thumbnails.get(exampleId) ?? this.journal.pictures.get(exampleId)?.picture;
    if (!picture) return "";
    const address = URL.createObjectURL(picture);
    this.#addresses.set(exampleId, address);
    return address;
  }

  get project(): LocalProject {
    return this.journal.project;
  }

  get state(): State {
    const { undoable, redoable, revision } = this.project;
    return {
      type: "state",
      revision,
      project: this.#browserModel.project,
      backbone: this.#browserModel.backbone.name,
      version: this.#browserModel.package,
      image_size: this.#metadata.size,
      settings: {
        head: this.#browserModel.head.name === "adaptive" ? "adaptive" : "classic",
        rejection_level: this.#browserModel.rejection_level,
      },
      classes: this.project.classes,
      undo: undoable,
      redo: redoable,
      notice: "",
      read_only: this.#metadata.read_only,
      run: "",
    };
  }

  /** Be told of each answer about the camera. */
  answered(prediction: PredictionInfo): void {
    tell(prediction, new Map(this.project.now.classes.map(({ id, name }) => [id, name])));
  }

  /** Keep a picture as an example; ``vector`` is its embedding. */
  async add(picture: Blob, vector: Float32Array, target: Target) {
    return this.#add(await examined(picture), vector, target);
  }

  /** One picture of an import; one that is in its class already is not added again. */
  async takeIn(file: Blob, group: string, place: Place): Promise<{ known: boolean; change: number | null }> {
    const found = await examined(file);
    const { label, createdAt, source = "import" } = place;
    if (this.project.has(label, found.sha256, createdAt)) return { known: true, change: null };
    const { vector } = await this.engine.predict(found.picture);
    const { change } = await this.#add(found, vector, { ...place, group, source });
    return { known: false, change };
  }

  async #add({ picture, sha256 }: Examined, vector: Float32Array, target: Target) {
    const first = this.journal.pictures.size === 0;
    const added = await this.journal.change(() => {
      const { class_id, label, classes = [], group, recording, source, createdAt } = target;
      const told = { recording, source, sha256, createdAt };
      const added =
        label === undefined
          ? this.project.add(class_id ?? -1, group, told)
          : this.project.take(label, classes, group, told);
      this.journal.pictures.set(added.example.id, { picture, vector, seenBy: this.#browserModel.backbone.fingerprint });
      return added;
    });
    // Else a browser that is short of space may drop it; it decides for itself whether to ask.
    if (first) void navigator.storage?.persist?.().catch(() => false);
    return added;
  }

  #taught(): Packed[] {
    return this.project.now.examples.flatMap((example: Example) => {
      const kept = this.journal.pictures.get(example.id);
      return kept ? [{ ...example, picture: kept.picture }] : [];
    });
  }

  /** What was taught here, as a zip that ``classify-anything import`` reads. */
  async #takeHome(): Promise<Blob> {
    const taught = this.#taught();
    if (taught.length === 0) throw new ApiError("bad_input", "Nothing was taught here yet.");
    return packed(this.project.now.classes, taught);
  }

  async #open(): Promise<void> {
    const opened = this.engine.open(address("backbone.onnx"), this.#metadata.size, true);
    const [file, thumbnails] = await Promise.all([
      read(address("model.bin"), true),
      read(address("thumbnails.bin")),
    ]);
    this.#browserModel = parseBrowserModel(file.slice(0));
    this.#thumbnails = parseThumbnails(thumbnails, this.#browserModel.examples.ids);
    const { made, read_only: readOnly } = this.#metadata;
    this.journal = await Journal.open(this.#browserModel, made, !readOnly, {
      changed: (before, after) => this.#teach(before, after),
      tell: (message) => this.#listener?.error(message),
    });
    await opened;
    await this.engine.check(address("backbone.onnx"), true, this.#browserModel.probe);
    await this.engine.know(file);
    this.#listener?.state(this.state);
    this.journal.begin();
    tellReady();
  }

  /** Tell the engine, and then the page, what is different. */
  async #teach(before: Snapshot, after: Snapshot): Promise<void> {
    if (before.classes !== after.classes) await this.engine.arrange([...after.classes]);
    const examples: TrainingExample[] = [];
    const gone: number[] = [];
    for (const [id, example] of changed(before, after)) {
      if (example) examples.push({ id, classId: example.classId, recordingId: example.recordingId, ...(await this.#vectorOf(id)) });
      else gone.push(id);
    }
    if (gone.length > 0) await this.engine.forget(gone);
    if (examples.length > 0) await this.engine.learn(examples);
    this.#listener?.state(this.state);
    void this.#makeViews();
    for (const id of gone) {
      URL.revokeObjectURL(this.#addresses.get(id) ?? "");
      this.#addresses.delete(id);
    }
  }

  /** Embed the views of what was taught here, one example at a time, while no picture waits for an answer. */
  async #makeViews(): Promise<void> {
    if (this.#making || this.#browserModel.head.name !== "adaptive") return;
    this.#making = true;
    try {
      for (let next = this.#unvaried(); next; next = this.#unvaried()) {
        const { id, sha256, kept } = next;
        const views = await this.engine.views(kept.picture, sha256);
        await this.journal.seenAnew(id, { ...kept, views });
        await this.engine.vary(id, views);
      }
    } catch (error) {
      console.warn("The views of an example could not be made.", error);
    }
    this.#making = false;
  }

  /** An example that should have views and has none. */
  #unvaried() {
    const { examples } = this.project.now;
    const wanted = new Set(wantedViews(examples));
    for (const { id, sha256 } of examples) {
      const kept = this.journal.pictures.get(id);
      if (wanted.has(id) && kept && !kept.views && kept.seenBy === this.#browserModel.backbone.fingerprint) return { id, sha256, kept };
    }
    return null;
  }

  /** The embeddings of what was taught here; where another backbone has made them, they are made anew. */
  async #vectorOf(id: number): Promise<{ vector?: Float32Array; views?: Float32Array | undefined }> {
    const kept = this.journal.pictures.get(id);
    if (!kept) return {};
    const { fingerprint } = this.#browserModel.backbone;
    if (kept.seenBy === fingerprint) return { vector: kept.vector, views: kept.views };
    const { vector } = await this.engine.predict(kept.picture);
    await this.journal.seenAnew(id, { picture: kept.picture, vector, seenBy: fingerprint });
    return { vector };
  }
}

function address(name: string): string {
  return new URL(name, document.baseURI).href;
}
