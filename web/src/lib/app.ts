import { createContext } from "svelte";
import { Adding } from "./adding.svelte";
import { Asking } from "./asking.svelte";
import { Devices } from "./devices.svelte";
import { Dialogs } from "./dialogs.svelte";
import { Exporting } from "./exporting.svelte";
import { Live } from "./live.svelte";
import { Pace } from "./pace.svelte";
import { Project } from "./project.svelte";
import { Route } from "./route.svelte";
import { Shutter } from "./shutter.svelte";
import { Toasts } from "./toasts.svelte";
import { Work } from "./work.svelte";

/** The parts of the page that its components share. */
export class App {
  readonly route = new Route();
  readonly toasts = new Toasts();
  readonly dialogs = new Dialogs();
  readonly project = new Project(this.toasts);
  readonly work = new Work((text) => this.toasts.show(text));
  readonly adding = new Adding(this.project, this.toasts, this.work);
  readonly asking = new Asking(this.project, this.toasts);
  readonly live = new Live(this.project, this.toasts, this.asking);
  readonly pace = new Pace();
  readonly shutter = new Shutter(this.live, this.asking, this.pace);
  readonly exporting = new Exporting(this.toasts);
  readonly devices = new Devices();

  /** "What is this?" */
  ask(image: File): void {
    this.shutter.stop();
    this.asking.ask(image);
    if (this.route.view !== "live") this.route.go("live");
  }
}

export const [useApp, provideApp] = createContext<App>();
