import { api } from "../api";
import type { ToastAction, Toasts } from "../page/toasts.svelte";
import type { ChangeInfo, ClassEdit, ClassInfo, SettingsEdit, State } from "../server/types";
import { messageOf } from "../page/words";

/** The project as the server last told it, and what a person can do to it. */
export class Project {
  state = $state.raw<State | null>(null);
  /** The class whose name is to be typed next. */
  naming = $state<number | null>(null);

  readonly classes: readonly ClassInfo[] = $derived(this.state?.classes ?? []);
  readonly learnt = $derived(this.classes.some(({ examples }) => examples > 0));
  /** In the first minute: the class to hold next. */
  readonly guided = $derived(this.state?.read_only ? undefined : firstMinute(this.classes));
  /** Whether nothing can be added or changed. */
  readonly readOnly = $derived(this.state?.read_only ?? false);
  readonly #byId = $derived(new Map(this.classes.map((info) => [info.id, info])));
  readonly #toasts: Toasts;

  constructor(toasts: Toasts) {
    this.#toasts = toasts;
  }

  find(classId: number | null): ClassInfo | undefined {
    return classId === null ? undefined : this.#byId.get(classId);
  }

  receive(state: State): void {
    this.state = state;
  }

  /** Add a class; one without a name is to be named next. Gives its id, if it was done. */
  async addClass(name?: string): Promise<number | undefined> {
    let added: number | undefined;
    await this.#try(async () => {
      added = (await api.createClass(name)).id;
      if (name === undefined) this.naming = added;
    });
    return added;
  }

  /** The class with this name, in any case. */
  named(name: string): ClassInfo | undefined {
    return this.classes.find((info) => info.name.toLowerCase() === name.toLowerCase());
  }

  /** Whether it was done. */
  edit(classId: number, edit: ClassEdit): Promise<boolean> {
    return this.#try(async () => void (await api.editClass(classId, edit)));
  }

  deleteClass(classId: number): Promise<boolean> {
    return this.#change(() => api.deleteClass(classId));
  }

  clearClass(classId: number): Promise<boolean> {
    return this.#change(() => api.clearClass(classId));
  }

  /** Whether it was done. */
  configure(edit: SettingsEdit): Promise<boolean> {
    return this.#try(async () => this.receive(await api.editSettings(edit)));
  }

  deleteExamples(exampleIds: readonly number[]): Promise<boolean> {
    return this.#change(() => api.deleteExamples(exampleIds));
  }

  moveExamples(exampleIds: readonly number[], classId: number): Promise<boolean> {
    return this.#change(() => api.moveExamples(exampleIds, classId));
  }

  deleteLastRecording(): Promise<boolean> {
    return this.#change(() => api.deleteLastRecording());
  }

  async undo(change = this.state?.undo?.id): Promise<void> {
    const redo = await this.#step(() => api.undo(change), "redo");
    if (redo) this.#toasts.show(`Undone: ${redo.text}.`, { name: "Redo", run: () => void this.redo(redo.id) });
  }

  async redo(change = this.state?.redo?.id): Promise<void> {
    const undo = await this.#step(() => api.redo(change), "undo");
    if (undo) this.#offerUndo(undo);
  }

  /** Ask for the state, rather than wait until it is told. */
  async refresh(): Promise<void> {
    this.#accept(await api.state());
  }

  /** What a toast offers after a change; without one, after the newest. */
  undoing(change = this.state?.undo?.id): ToastAction {
    return { name: "Undo", run: () => void this.undo(change) };
  }

  /** Remove examples that were added but are not to be: undo it, or delete them if more came after. */
  async takeBack(exampleIds: readonly number[], change: number | undefined): Promise<void> {
    const undone = change === undefined ? null : await api.undo(change).catch(() => null);
    this.#accept(undone ?? (await api.deleteExamples(exampleIds)));
  }

  /** A delete or a move: done at once, and can be undone. Whether it was done. */
  async #change(request: () => Promise<State>): Promise<boolean> {
    const undo = await this.#step(request, "undo");
    if (undo) this.#offerUndo(undo);
    return undo !== null;
  }

  #offerUndo({ id, text }: ChangeInfo): void {
    this.#toasts.show(`${text}.`, this.undoing(id));
  }

  async #step(request: () => Promise<State>, then: "undo" | "redo"): Promise<ChangeInfo | null> {
    let state: State | undefined;
    await this.#try(async () => void (state = await request()));
    if (!state) return null;
    this.#accept(state);
    return state[then];
  }

  #accept(state: State): void {
    if (state.revision >= (this.state?.revision ?? 0)) this.state = state;
  }

  async #try(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      this.#toasts.show(messageOf(error));
      return false;
    }
  }
}

function firstMinute(classes: readonly ClassInfo[]): ClassInfo | undefined {
  const learnt = classes.filter(({ examples }) => examples > 0).length;
  return learnt < 2 ? classes.find(({ examples }) => examples === 0) : undefined;
}
