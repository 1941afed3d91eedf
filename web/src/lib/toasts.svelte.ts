/** Short notes about what just happened, each with at most one thing to do about it. */

export interface Toast {
  id: number;
  text: string;
  action?: ToastAction | undefined;
}

export interface ToastAction {
  name: string;
  run(): void;
}

const LIMIT = 3;

export class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #count = 0;

  show(text: string, action?: ToastAction): void {
    this.list = [...this.list, { id: this.#count++, text, action }].slice(-LIMIT);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}
