/** Add files as examples, after asking for missing options. */

import { api } from "../api";
import { closeClip, openClip, picturesOf, timesOf, type Cut } from "../camera/clip";
import { distinct, isVideo, sorted, type LocalFile } from "./files";
import { FrameEncoder } from "../camera/frame-encoder";
import { importFiles, LAST_TRIES, type Outcome } from "./imports";
import { withRetries } from "../live/retry";
import type { Project } from "../project/project.svelte";
import type { Toasts } from "../page/toasts.svelte";
import type { ClassInfo } from "../server/types";
import { examples, messageOf, number } from "../page/words";
import { IncompleteUndo, type Report, type Work } from "../project/work.svelte";

export interface Clip {
  name: string;
  video: HTMLVideoElement;
  /** The name of the class under the drop. */
  label: string | null;
}

/** Files whose classes are known, with videos among them. */
export interface Mixed {
  files: readonly LocalFile[];
  label: string | null;
  useless: readonly LocalFile[];
}

export class AddFiles {
  /** Pictures whose class is to be chosen. */
  pictures = $state.raw<readonly LocalFile[]>([]);
  /** Videos of which a part is to be chosen, one after the other. */
  clips = $state.raw<readonly Clip[]>([]);
  /** Folders with videos in them, of which the rate is to be chosen. */
  mixed = $state.raw<Mixed | null>(null);
  /** The files left out by the last import, while shown. */
  leftOut = $state.raw<Outcome | null>(null);
  lastLeftOut = $state.raw<Outcome | null>(null);

  readonly #project: Project;
  readonly #toasts: Toasts;
  readonly #work: Work;
  readonly #encoder = new FrameEncoder();

  constructor(project: Project, toasts: Toasts, work: Work) {
    this.#project = project;
    this.#toasts = toasts;
    this.#work = work;
  }

  /** ``into`` is the class that was pointed at. */
  take(files: readonly LocalFile[], into?: ClassInfo): void {
    const { pictures, videos, collections, others } = sorted(files);
    const label = into?.name ?? null;
    for (const { file } of videos) void this.#open(file, label);
    if (label !== null && pictures.length + collections.length > 0) {
      this.#add({ files: [...pictures, ...collections, ...others], label, useless: [] });
      return;
    }
    if (pictures.length > 0) this.pictures = [...this.pictures, ...pictures, ...others];
    if (collections.length > 0) this.#add({ files: collections, label: null, useless: pictures.length > 0 ? [] : others });
    else if (pictures.length === 0 && (videos.length === 0 || others.length > 0)) this.#refuse(others);
  }

  #add(files: Mixed): void {
    if (files.files.some(isVideo) && !this.mixed) this.mixed = files;
    else this.import(files);
  }

  /** ``useless`` are unsupported files; ``rate`` applies to videos. */
  import({ files, label, useless }: Mixed, rate?: number): void {
    this.#work.start(async (report, signal) => {
      const outcome = await importFiles(distinct(files), { label, ...(rate && { rate }) }, report, signal);
      const problems = useless.map(({ path }) => ({ name: path, message: refusal(path), code: "bad_input" }));
      this.#tell({
        ...outcome,
        problems: [...problems, ...outcome.problems],
        leftOut: outcome.leftOut + problems.length,
      });
    });
  }

  addClip(clip: Clip, cut: Cut, label: string): void {
    this.clips = this.clips.filter((other) => other !== clip);
    this.#work.start((report, signal) => this.#addFrames(clip, timesOf(cut), label, report, signal));
  }

  dropClip(clip: Clip): void {
    this.clips = this.clips.filter((other) => other !== clip);
    closeClip(clip.video);
  }

  async #open(file: File, label: string | null): Promise<void> {
    try {
      this.clips = [...this.clips, { name: file.name, video: await openClip(file), label }];
    } catch (error) {
      this.#toasts.show(messageOf(error));
    }
  }

  /** The frames are one recording, and one change. */
  async #addFrames(
    { video }: Clip,
    times: readonly number[],
    label: string,
    report: Report,
    signal: AbortSignal,
  ): Promise<void> {
    const recording = crypto.randomUUID();
    const added: number[] = [];
    let change: number | undefined;
    try {
      for await (const picture of picturesOf(video, times, this.#encoder, this.#project.state?.image_size)) {
        signal.throwIfAborted();
        report({ text: "Adding pictures", done: added.length, total: times.length });
        const example = await api.addExample(picture, { label, recording, source: "video" });
        added.push(example.id);
        change = example.change;
      }
    } catch (error) {
      if (added.length > 0) await this.#takeBack(added, change, signal.aborted ? "Cancelled." : messageOf(error));
      throw error;
    } finally {
      closeClip(video);
    }
    this.#toasts.show(`${examples(added.length)} added to ${label}.`, this.#project.undoing(change));
  }

  async #takeBack(added: readonly number[], change: number | undefined, reason: string): Promise<void> {
    try {
      await withRetries(() => this.#project.takeBack(added, change), { tries: LAST_TRIES });
    } catch {
      throw new IncompleteUndo(`${reason} But ${examples(added.length)} could not be undone. Undo them when the server is back.`);
    }
  }

  #tell(outcome: Outcome): void {
    const { added, known, leftOut, change } = outcome;
    const parts = [added > 0 ? `${examples(added)} added` : "Nothing added"];
    if (known > 0) parts.push(`${number(known)} already there`);
    if (leftOut > 0) parts.push(`${number(leftOut)} left out`);
    const actions = change === null ? [] : [this.#project.undoing(change)];
    const text = `${parts.join(", ")}.`;
    if (leftOut === 0) {
      this.#toasts.show(text, ...actions);
      return;
    }
    this.lastLeftOut = outcome;
    this.#toasts.keep(text, ...actions, { name: "Show what was left out", run: () => (this.leftOut = outcome) });
  }

  #refuse([first]: readonly LocalFile[]): void {
    if (first) this.#toasts.show(refusal(first.path));
    else this.#toasts.show("It contains nothing to add.");
  }
}

function refusal(path: string): string {
  return `${path} is not a picture, a video or a zip.`;
}
