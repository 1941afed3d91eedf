import { api } from "./api";
import type { Toasts } from "./toasts.svelte";
import type { ChangeInfo, ClassEdit, ClassInfo, State } from "./types";

/** The project as the server last told it, and what a person can do to it. */
export class Project {
  state = $state.raw<State | null>(null);
  /** The class whose name is to be typed next. */
  naming = $state<number | null>(null);

  readonly classes: readonly ClassInfo[] = $derived(this.state?.classes ?? []);
  readonly learnt = $derived(this.classes.some(({ examples }) => examples > 0));
  /** In the first minute: the class to hold next. */
  readonly guided = $derived(firstMinute(this.classes));
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

  async addClass(): Promise<void> {
    await this.#try(async () => {
      const { id } = await api.createClass();
      this.naming = id;
    });
  }

  /** Whether it was done. */
  edit(classId: number, edit: ClassEdit): Promise<boolean> {
    return this.#try(async () => void (await api.editClass(classId, edit)));
  }

  deleteClass(classId: number): Promise<void> {
    return this.#change(() => api.deleteClass(classId));
  }

  clearClass(classId: number): Promise<void> {
    return this.#change(() => api.clearClass(classId));
  }

  deleteExample(exampleId: number): Promise<void> {
    return this.#change(() => api.deleteExample(exampleId));
  }

  deleteLastRecording(): Promise<void> {
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

  /** A delete: done at once, and can be undone. */
  async #change(request: () => Promise<State>): Promise<void> {
    const undo = await this.#step(request, "undo");
    if (undo) this.#offerUndo(undo);
  }

  #offerUndo({ id, text }: ChangeInfo): void {
    this.#toasts.show(`${text}.`, { name: "Undo", run: () => void this.undo(id) });
  }

  async #step(request: () => Promise<State>, then: "undo" | "redo"): Promise<ChangeInfo | null> {
    let state: State | undefined;
    await this.#try(async () => void (state = await request()));
    if (!state) return null;
    if (state.revision >= (this.state?.revision ?? 0)) this.state = state;
    return state[then];
  }

  async #try(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      this.#toasts.show(error instanceof Error ? error.message : String(error));
      return false;
    }
  }
}

function firstMinute(classes: readonly ClassInfo[]): ClassInfo | undefined {
  const learnt = classes.filter(({ examples }) => examples > 0).length;
  return learnt < 2 ? classes.find(({ examples }) => examples === 0) : undefined;
}
