/** Where the project is: on a server, or in this browser. The page knows only this. */

import type { View } from "../page/address";
import type { Listener, Predictor } from "../live/predictor";
import type { Api } from "./rest";
import type { Report } from "../project/work.svelte";

/** An export format. */
export interface ExportForm {
  id: string;
  name: string;
  /** What it is for. */
  text: string;
  /** Its options, by name. */
  options: readonly ExportOption[];
  /** Lines to copy. */
  snippets: readonly Snippet[];
}

/** Lines to copy; ``snippets.ts`` says what stands for what in them. */
export interface Snippet {
  language: string;
  code: string;
  /** It has a meaning only where this option is on, or only where it is not. */
  when?: string;
  unless?: string;
}

export type ExportOption =
  | { name: string; kind: "switch"; text: string }
  | { name: string; kind: "choice"; text: string; values: readonly { value: string; text: string }[] };

export type ExportChoice = Readonly<Record<string, string | boolean>>;

/** An exported file. */
export interface ExportFile {
  name: string;
  address: string;
  bytes: number;
  /** Remarks for people. */
  notes: readonly string[];
  /** It is "none of these" where the similarity is not above it; null: never. */
  threshold?: number | null;
  /** Whether it can still be fetched; without it, always. */
  there?(): Promise<boolean>;
  dispose(): void;
}

export interface Exports {
  readonly forms: readonly ExportForm[];
  /** The approximate size of each format. */
  sizes(): Promise<Record<string, number>>;
  make(form: string, choice: ExportChoice, report: Report, signal: AbortSignal): Promise<ExportFile>;
}

export interface Backend {
  readonly api: Api;
  /** Where the camera's pictures go, in one sentence for a person. */
  readonly privacy: string;
  /** The supported views. */
  readonly views: readonly View[];
  readonly exports: Exports;
  createPredictor(listener: Listener): Predictor;
  /** The picture of an example as it came, or as much of it as there is. */
  imageAddress(exampleId: number): string;
  /** A small square of it. */
  thumbnailAddress(exampleId: number): string;
}
