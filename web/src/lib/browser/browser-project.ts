/** A project in this browser, as the other modules use it. */

import type { PredictionInfo, State } from "../server/types";
import type { Engine } from "./engine.worker";
import type { Journal } from "./journal";
import type { ImportedImage } from "./local-import";
import type { Example, LocalProject, NewClass } from "./local-project";

/** The class of a new example, by id or by name, and what the example belongs to. */
export interface Target {
  class_id?: number;
  label?: string;
  /** Classes to create with it if they are new. */
  classes?: readonly NewClass[];
  recording: string;
  /** Examples of one group are undone together. */
  group: string;
  source: string;
  createdAt?: number | undefined;
}

export interface BrowserProject {
  /** Settles when everything is loaded; rejects with one line for people. */
  readonly ready: Promise<void>;
  readonly engine: Engine;
  readonly journal: Journal;
  readonly project: LocalProject;
  readonly state: State;
  /** Report a prediction for a camera picture. */
  reportPrediction(prediction: PredictionInfo): void;
  /** Add a picture as an example; ``vector`` is its embedding. */
  add(picture: Blob, vector: Float32Array, target: Target): Promise<{ example: Example; change: number }>;
  /** Import one picture, unless its class already contains it. */
  importExample(file: Blob, group: string, place: ImportedImage): Promise<{ known: boolean; change: number | null }>;
}
