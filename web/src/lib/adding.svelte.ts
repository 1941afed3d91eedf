/** Files become examples: what must be asked about them is asked, then they are added. */

import { api } from "./api";
import { closeClip, openClip, picturesOf, timesOf, type Cut } from "./clip";
import { sorted, type LocalFile } from "./files";
import { Grabber } from "./grabber";
import { importFiles, type Outcome } from "./imports";
import type { Project } from "./project.svelte";
import type { Toasts } from "./toasts.svelte";
import type { ClassInfo } from "./types";
import { examples, messageOf, number } from "./words";
import type { Report, Work } from "./work.svelte";

export interface Clip {
  name: string;
  video: HTMLVideoElement;
  /** The name of the class it was dropped on. */
  label: string | null;
}

export class Adding {
  /** Pictures whose class is to be chosen. */
  pictures = $state.raw<readonly LocalFile[]>([]);
  /** Videos of which a part is to be chosen, one after the other. */
  clips = $state.raw<readonly Clip[]>([]);
  /** What the last import left out, while it is looked at. */
  leftOut = $state.raw<Outcome | null>(null);

  readonly #project: Project;
  readonly #toasts: Toasts;
  readonly #work: Work;
  readonly #grabber = new Grabber();

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
      this.import([...pictures, ...collections, ...others], label);
      return;
    }
    if (collections.length > 0) this.import(collections, null);
    if (pictures.length > 0) this.pictures = [...this.pictures, ...pictures, ...others];
    else if (collections.length + videos.length === 0) this.#refuse(others);
  }

  import(files: readonly LocalFile[], label: string | null): void {
    this.#work.start(async (report, signal) => this.#tell(await importFiles(files, label, report, signal)));
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
      for await (const picture of picturesOf(video, times, this.#grabber, this.#project.state?.image_size)) {
        signal.throwIfAborted();
        report({ text: "Adding pictures", done: added.length, total: times.length });
        added.push((await api.addExample(picture, { label, recording, source: "video" })).id);
        change ??= (await api.state()).undo?.id;
      }
    } catch (error) {
      if (added.length > 0) await this.#project.takeBack(added, change);
      throw error;
    } finally {
      closeClip(video);
    }
    this.#toasts.show(`${examples(added.length)} added to ${label}.`, this.#project.undoing(change));
  }

  #tell(outcome: Outcome): void {
    const { added, known, leftOut, change } = outcome;
    const parts = [added > 0 ? `${examples(added)} added` : "Nothing added"];
    if (known > 0) parts.push(`${number(known)} already there`);
    if (leftOut > 0) parts.push(`${number(leftOut)} left out`);
    const actions = change === null ? [] : [this.#project.undoing(change)];
    if (leftOut > 0) actions.push({ name: "Show what was left out", run: () => (this.leftOut = outcome) });
    this.#toasts.show(`${parts.join(", ")}.`, ...actions);
  }

  #refuse([first]: readonly LocalFile[]): void {
    if (first) this.#toasts.show(`${first.path} is not a picture, a video or a zip.`);
    else this.#toasts.show("There is nothing in it to add.");
  }
}
