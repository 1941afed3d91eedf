/** A short note about what just happened, with at most one thing to do about it. */

export interface Toast {
  text: string;
  action?: ToastAction | undefined;
}

export interface ToastAction {
  name: string;
  run(): void;
}

/** One at a time, the newest: more would cover the buttons. */
export class Toasts {
  current = $state.raw<Toast | null>(null);

  show(text: string, action?: ToastAction): void {
    this.current = { text, action };
  }

  dismiss(): void {
    this.current = null;
  }
}
