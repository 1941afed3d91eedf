import { createContext } from "svelte";
import { Devices } from "./devices.svelte";
import { Live } from "./live.svelte";
import { Project } from "./project.svelte";
import { Toasts } from "./toasts.svelte";

/** The parts of the page that its components share. */
export class App {
  readonly toasts = new Toasts();
  readonly project = new Project(this.toasts);
  readonly live = new Live(this.project, this.toasts);
  readonly devices = new Devices();
}

export const [useApp, provideApp] = createContext<App>();
