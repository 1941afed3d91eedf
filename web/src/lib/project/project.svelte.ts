import { api } from "../api";
import type { ToastAction, Toasts } from "../page/toasts.svelte";
import type { ChangeInfo, ClassEdit, ClassInfo, SettingsEdit, State } from "../server/types";
import { messageOf } from "../page/words";

/** The server's last state of the project, and its changes. */
export class Project {
  state = $state.raw<State | null>(null);
  /** The class whose name field gets the focus next. */
  naming = $state<number | null>(null);

  readonly classes: readonly ClassInfo[] = $derived(this.state?.classes ?? []);
  readonly learnt = $derived(this.classes.some(({ examples }) => examples > 0));
  /** The class to teach next, until two classes have examples. */
  readonly guided = $derived(this.state?.read_only ? undefined : firstMinute(this.classes));
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

  /** Add a class; focus the name field if it has no name. Return the id, if added. */
  async addClass(name?: string): Promise<number | undefined> {
    let added: number | undefined;
    await this.#try(async () => {
      added = (await api.createClass(name)).id;
      if (name === undefined) this.naming = added;
    });
    return added;
  }

  /** Find a class by name, ignoring case. */
  named(name: string): ClassInfo | undefined {
    return this.classes.find((info) => info.name.toLowerCase() === name.toLowerCase());
  }

  edit(classId: number, edit: ClassEdit): Promise<boolean> {
    return this.#try(async () => void (await api.editClass(classId, edit)));
  }

  deleteClass(classId: number): Promise<boolean> {
    return this.#change(() => api.deleteClass(classId));
  }

  clearClass(classId: number): Promise<boolean> {
    return this.#change(() => api.clearClass(classId));
  }

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

  /** Request the state now. */
  async refresh(): Promise<void> {
    this.#accept(await api.state());
  }

  /** The toast's undo button, for this change (default: the newest). */
  undoing(change = this.state?.undo?.id): ToastAction {
    return { name: "Undo", run: () => void this.undo(change) };
  }

  /** Undo the addition of examples, or delete them if more changes followed. */
  async takeBack(exampleIds: readonly number[], change: number | undefined): Promise<void> {
    const undone = change === undefined ? null : await api.undo(change).catch(() => null);
    this.#accept(undone ?? (await api.deleteExamples(exampleIds)));
  }

  /** Make a change and offer to undo it. Return whether it succeeded. */
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
