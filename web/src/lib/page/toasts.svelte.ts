/** A short note about what just happened, with what can be done about it. */

export interface Toast {
  text: string;
  actions: readonly ToastAction[];
  /** Stays until it is closed. */
  lasting: boolean;
}

export interface ToastAction {
  name: string;
  run(): void;
}

/** One at a time, the newest: more would cover the buttons. */
export class Toasts {
  current = $state.raw<Toast | null>(null);

  show(text: string, ...actions: ToastAction[]): void {
    this.current = { text, actions, lasting: false };
  }

  /** What a person should not miss. */
  keep(text: string, ...actions: ToastAction[]): void {
    this.current = { text, actions, lasting: true };
  }

  dismiss(): void {
    this.current = null;
  }
}
