/** The backend of an exported page: the export's project, and what was added in this browser. */

import type { Backend } from "../server/backend";
import { ApiError } from "../server/errors";
import type { Listener, Predictor } from "../live/predictor";
import type { PredictionInfo, State } from "../server/types";
import { checkBrowser } from "./abilities";
import type { TrainingExample } from "./model";
import { browserApi } from "./browser-api";
import type { BrowserProject, Target } from "./browser-project";
import { browserExports } from "./browser-exports";
import { BrowserPredictor } from "./browser-predictor";
import { postPrediction, postReady } from "./embedded";
import { startEngine } from "./engine";
import type { Engine } from "./engine.worker";
import { read } from "./files";
import { parseBrowserModel, type BrowserModel } from "./browser-model";
import type { ImportedImage } from "./local-import";
import { changed, type Example, type LocalProject, type Snapshot } from "./local-project";
import type { PageMetadata } from "./page-metadata";
import { Journal } from "./journal";
import { registerServiceWorker } from "./offline";
import { identifyImage, type IdentifiedImage } from "./pictures";
import { parseThumbnails } from "./thumbnails";
import { examplesForViews } from "./views";
import { zipExamples, type ExportedExample } from "./zips";

export class BrowserBackend implements Backend, BrowserProject {
  readonly api = browserApi(this);
  readonly privacy = "The pictures never leave this device.";
  readonly views: readonly ("live" | "examples" | "export")[];
  readonly exports = browserExports(
    () => this.#addedHere(),
    () => this.#exportZip(),
    () => this.#browserModel.project,
  );
  readonly engine: Engine;
  readonly ready: Promise<void>;
  journal!: Journal;
  readonly #metadata: PageMetadata;
  #browserModel!: BrowserModel;
  #thumbnails!: ReadonlyMap<number, Blob>;
  readonly #addresses = new Map<number, string>();
  #listener: Listener | null = null;
  #embeddingViews = false;

  constructor(metadata: PageMetadata) {
    this.#metadata = metadata;
    this.views = metadata.read_only ? ["live"] : ["live", "examples", "export"];
    const registered = registerServiceWorker();
    this.engine = startEngine(registered);
    this.ready = registered.then(() => {
      checkBrowser(!metadata.read_only);
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

  reportPrediction(prediction: PredictionInfo): void {
    postPrediction(prediction, new Map(this.project.now.classes.map(({ id, name }) => [id, name])));
  }

  async add(picture: Blob, vector: Float32Array, target: Target) {
    return this.#add(await identifyImage(picture), vector, target);
  }

  async importExample(file: Blob, group: string, place: ImportedImage): Promise<{ known: boolean; change: number | null }> {
    const found = await identifyImage(file);
    const { label, createdAt, source = "import" } = place;
    if (this.project.has(label, found.sha256, createdAt)) return { known: true, change: null };
    const { vector } = await this.engine.predict(found.picture);
    const { change } = await this.#add(found, vector, { ...place, group, source });
    return { known: false, change };
  }

  async #add({ picture, sha256 }: IdentifiedImage, vector: Float32Array, target: Target) {
    const first = this.journal.pictures.size === 0;
    const added = await this.journal.change(() => {
      const { class_id, label, classes = [], group, recording, source, createdAt } = target;
      const details = { recording, source, sha256, createdAt };
      const added =
        label === undefined
          ? this.project.add(class_id ?? -1, group, details)
          : this.project.addToLabel(label, classes, group, details);
      this.journal.pictures.set(added.example.id, { picture, vector, seenBy: this.#browserModel.backbone.fingerprint });
      return added;
    });
    // Ask the browser not to delete the data when space runs low; it may refuse.
    if (first) void navigator.storage?.persist?.().catch(() => false);
    return added;
  }

  #addedHere(): ExportedExample[] {
    return this.project.now.examples.flatMap((example: Example) => {
      const stored = this.journal.pictures.get(example.id);
      return stored ? [{ ...example, picture: stored.picture }] : [];
    });
  }

  /** Pack what was added here as a zip that ``classify-anything import`` reads. */
  async #exportZip(): Promise<Blob> {
    const examples = this.#addedHere();
    if (examples.length === 0) throw new ApiError("bad_input", "No examples were added here yet.");
    return zipExamples(this.project.now.classes, examples);
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
      changed: (before, after) => this.#applyChanges(before, after),
      notify: (message) => this.#listener?.error(message),
    });
    await opened;
    await this.engine.check(address("backbone.onnx"), true, this.#browserModel.probe);
    await this.engine.load(file);
    this.#listener?.state(this.state);
    this.journal.begin();
    postReady();
  }

  /** Update the engine, then the page. */
  async #applyChanges(before: Snapshot, after: Snapshot): Promise<void> {
    if (before.classes !== after.classes) await this.engine.setClasses([...after.classes]);
    const examples: TrainingExample[] = [];
    const gone: number[] = [];
    for (const [id, example] of changed(before, after)) {
      if (example) examples.push({ id, classId: example.classId, recordingId: example.recordingId, ...(await this.#vectorOf(id)) });
      else gone.push(id);
    }
    if (gone.length > 0) await this.engine.forget(gone);
    if (examples.length > 0) await this.engine.learn(examples);
    this.#listener?.state(this.state);
    void this.#embedViews();
    for (const id of gone) {
      URL.revokeObjectURL(this.#addresses.get(id) ?? "");
      this.#addresses.delete(id);
    }
  }

  /** Embed the views of examples that were added here, one example at a time. */
  async #embedViews(): Promise<void> {
    if (this.#embeddingViews || this.#browserModel.head.name !== "adaptive") return;
    this.#embeddingViews = true;
    try {
      for (let next = this.#nextWithoutViews(); next; next = this.#nextWithoutViews()) {
        const { id, sha256, stored } = next;
        const views = await this.engine.views(stored.picture, sha256);
        await this.journal.updateEmbedding(id, { ...stored, views });
        await this.engine.setViews(id, views);
      }
    } catch (error) {
      console.warn("The views of an example could not be embedded.", error);
    }
    this.#embeddingViews = false;
  }

  /** Find an example that should have views and has none. */
  #nextWithoutViews() {
    const { examples } = this.project.now;
    const wanted = new Set(examplesForViews(examples));
    for (const { id, sha256 } of examples) {
      const stored = this.journal.pictures.get(id);
      if (wanted.has(id) && stored && !stored.views && stored.seenBy === this.#browserModel.backbone.fingerprint) return { id, sha256, stored };
    }
    return null;
  }

  /** Return the embeddings of an example that was added here; re-embed it if the backbone has changed. */
  async #vectorOf(id: number): Promise<{ vector?: Float32Array; views?: Float32Array | undefined }> {
    const stored = this.journal.pictures.get(id);
    if (!stored) return {};
    const { fingerprint } = this.#browserModel.backbone;
    if (stored.seenBy === fingerprint) return { vector: stored.vector, views: stored.views };
    const { vector } = await this.engine.predict(stored.picture);
    await this.journal.updateEmbedding(id, { picture: stored.picture, vector, seenBy: fingerprint });
    return { vector };
  }
}

function address(name: string): string {
  return new URL(name, document.baseURI).href;
}
