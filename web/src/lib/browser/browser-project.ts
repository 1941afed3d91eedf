/** What the parts of a page without a server need of its project. */

import type { PredictionInfo, State } from "../server/types";
import type { Engine } from "./engine.worker";
import type { Journal } from "./journal";
import type { Place } from "./local-import";
import type { Example, LocalProject, NewClass } from "./local-project";

/** Where an example goes: a class by its id or its name, and what it belongs to. */
export interface Target {
  class_id?: number;
  label?: string;
  /** That come with it, if they are new. */
  classes?: readonly NewClass[];
  recording: string;
  /** Examples of one group are undone together. */
  group: string;
  source: string;
  createdAt?: number | undefined;
}

export interface BrowserProject {
  /** Settles when everything is loaded; rejects with one line that a person understands. */
  readonly ready: Promise<void>;
  readonly engine: Engine;
  readonly journal: Journal;
  readonly project: LocalProject;
  readonly state: State;
  /** Report an answer about the camera. */
  answered(prediction: PredictionInfo): void;
  /** Keep a picture as an example; ``vector`` is its embedding. */
  add(picture: Blob, vector: Float32Array, target: Target): Promise<{ example: Example; change: number }>;
  /** Add one picture of an import, unless it is in its class already. */
  takeIn(file: Blob, group: string, place: Place): Promise<{ known: boolean; change: number | null }>;
}
