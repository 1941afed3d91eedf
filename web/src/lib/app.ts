import { createContext } from "svelte";
import { AddFiles } from "./files/add-files.svelte";
import { ImageQuery } from "./files/image-query.svelte";
import { Devices } from "./camera/devices.svelte";
import { Dialogs } from "./page/dialogs.svelte";
import { Exporting } from "./export/exporting.svelte";
import { Live } from "./live/live.svelte";
import { RecordingOptions } from "./camera/recording-options.svelte";
import { Project } from "./project/project.svelte";
import { Route } from "./page/route.svelte";
import { Recorder } from "./camera/recorder.svelte";
import { Toasts } from "./page/toasts.svelte";
import { Work } from "./project/work.svelte";

/** The parts of the page that its components share. */
export class App {
  readonly route = new Route();
  readonly toasts = new Toasts();
  readonly dialogs = new Dialogs();
  readonly project = new Project(this.toasts);
  readonly work = new Work((text) => this.toasts.show(text));
  readonly addFiles = new AddFiles(this.project, this.toasts, this.work);
  readonly imageQuery = new ImageQuery(this.project, this.toasts);
  readonly live = new Live(this.project, this.toasts, this.imageQuery);
  readonly recordingOptions = new RecordingOptions();
  readonly recorder = new Recorder(this.live, this.imageQuery, this.recordingOptions);
  readonly exporting = new Exporting(this.toasts);
  readonly devices = new Devices();

  /** "What is this?" */
  ask(image: File): void {
    this.recorder.stop();
    this.imageQuery.ask(image);
    if (this.route.view !== "live") this.route.go("live");
  }
}

export const [useApp, provideApp] = createContext<App>();
