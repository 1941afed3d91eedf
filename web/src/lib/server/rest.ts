import { ApiError } from "./errors";
import type {
  AddedExample,
  BackboneChoice,
  BackbonesInfo,
  ClassEdit,
  ClassInfo,
  ErrorReply,
  ExampleIndex,
  ExportInfo,
  ExportRequest,
  ExportSizes,
  ExampleMap,
  ExamplePage,
  ImportInfo,
  LayersInfo,
  Neighbors,
  PredictionInfo,
  Report,
  SettingsEdit,
  State,
} from "./types";

/** A new example: its class by id or by name, and what it belongs to. */
export interface ExampleFacts {
  class_id?: number;
  label?: string;
  recording?: string;
  source: string;
}

/** What can be done with a project, over HTTP. */
export const rest = {
  state: () => call<State>("GET", "/api/state"),
  createClass: (name?: string) => call<ClassInfo>("POST", "/api/classes", { name }),
  editClass: (id: number, edit: ClassEdit) => call<ClassInfo>("PATCH", `/api/classes/${id}`, edit),
  deleteClass: (id: number) => call<State>("DELETE", `/api/classes/${id}`),
  clearClass: (id: number) => call<State>("DELETE", `/api/classes/${id}/examples`),
  index: () => call<ExampleIndex>("GET", "/api/examples/index"),
  examples: (query: { class_id: number; before: number; limit: number }) => {
    const given = Object.entries(query).map(([name, value]) => [name, String(value)]);
    return call<ExamplePage>("GET", `/api/examples?${new URLSearchParams(given)}`);
  },
  neighbors: (id: number, limit: number) =>
    call<Neighbors>("GET", `/api/examples/${id}/neighbors?limit=${limit}`),
  addExample: (image: Blob, facts: ExampleFacts, signal?: AbortSignal) => {
    const query = new URLSearchParams({ key: crypto.randomUUID() });
    for (const [name, value] of Object.entries(facts)) query.set(name, String(value));
    return call<AddedExample>("POST", `/api/examples?${query}`, image, signal);
  },
  moveExamples: (ids: readonly number[], classId: number) =>
    call<State>("POST", "/api/examples/move", { ids, class_id: classId }),
  deleteExamples: (ids: readonly number[]) => call<State>("POST", "/api/examples/remove", { ids }),
  deleteLastRecording: () => call<State>("DELETE", "/api/recordings/last"),
  evaluation: () => call<Report>("GET", "/api/evaluation"),
  map: () => call<ExampleMap>("GET", "/api/examples/map"),
  editSettings: (edit: SettingsEdit) => call<State>("PATCH", "/api/settings", edit),
  backbones: () => call<BackbonesInfo>("GET", "/api/backbones"),
  beginBackbones: (choice: BackboneChoice) => call<BackbonesInfo>("POST", "/api/backbones", choice),
  cancelBackbones: () => call<BackbonesInfo>("DELETE", "/api/backbones"),
  layers: () => call<LayersInfo>("GET", "/api/backbone/layers"),
  /** Without the vectors of examples with ids up to ``after``, if the backbone still has this fingerprint. */
  model: async (fingerprint: string, after: number) => {
    const response = await fetch(`/api/model?${new URLSearchParams({ fingerprint, after: String(after) })}`);
    if (!response.ok) throw new ApiError(`http_${response.status}`, "The server did not send its model.");
    return response.arrayBuffer();
  },
  predict: (image: Blob) => call<PredictionInfo>("POST", "/api/predict", image),
  undo: (change?: number) => call<State>("POST", "/api/undo", { change }),
  redo: (change?: number) => call<State>("POST", "/api/redo", { change }),
  beginImport: () => call<ImportInfo>("POST", "/api/imports"),
  sendFile: (id: string, path: string, file: Blob, signal: AbortSignal) => {
    const inside = path.split("/").map(encodeURIComponent).join("/");
    return call<void>("PUT", `/api/imports/${id}/files/${inside}`, file, signal);
  },
  startImport: (id: string, label: string | null, fps?: number) =>
    call<ImportInfo>("POST", `/api/imports/${id}/start`, { label, fps }),
  importInfo: (id: string, signal: AbortSignal) =>
    call<ImportInfo>("GET", `/api/imports/${id}`, undefined, signal),
  exportSizes: () => call<ExportSizes>("GET", "/api/exports"),
  beginExport: (wanted: ExportRequest) => call<ExportInfo>("POST", "/api/exports", wanted),
  exportInfo: (id: string) => call<ExportInfo>("GET", `/api/exports/${id}`),
  dropExport: (id: string) => call<void>("DELETE", `/api/exports/${id}`),
  cancelImport: (id: string) => call<ImportInfo>("DELETE", `/api/imports/${id}`),
};

export type Api = typeof rest;

async function call<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> {
  const raw = body instanceof Blob;
  const response = await fetch(path, {
    method,
    headers: body && !raw ? { "Content-Type": "application/json" } : {},
    body: body && !raw ? JSON.stringify(body) : (body ?? null),
    signal: signal ?? null,
  }).catch(() => {
    signal?.throwIfAborted();
    throw new ApiError("unreachable", "The server does not answer. Try again when it is back.");
  });
  if (response.status === 204) return undefined as T;
  if (response.ok) return (await response.json()) as T;
  const reply = (await response.json().catch(() => null)) as ErrorReply | null;
  throw new ApiError(
    reply?.error.code ?? `http_${response.status}`,
    reply?.error.message ?? `The server answered with error ${response.status}. Try again.`,
  );
}
