import { createContext } from "svelte";
import { Adding } from "./files/add-files.svelte";
import { Asking } from "./files/image-query.svelte";
import { Devices } from "./camera/devices.svelte";
import { Dialogs } from "./page/dialogs.svelte";
import { Exporting } from "./export/exporting.svelte";
import { Live } from "./live/live.svelte";
import { Pace } from "./camera/recording-options.svelte";
import { Project } from "./project/project.svelte";
import { Route } from "./page/route.svelte";
import { Shutter } from "./camera/recorder.svelte";
import { Toasts } from "./page/toasts.svelte";
import { Work } from "./project/work.svelte";

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
