/** The calls of the HTTP API, for a project in this browser. */

import { ApiError } from "../server/errors";
import type { Api } from "../server/rest";
import type { ClassInfo, State } from "../server/types";
import type { BrowserProject } from "./browser-project";
import { LocalImport } from "./local-import";
import type { Example, LocalProject } from "./local-project";

export function browserApi(backend: BrowserProject): Api {
  const imports = new Map<string, LocalImport>();

  async function change<T>(act: (project: LocalProject) => T): Promise<T> {
    await backend.ready;
    return backend.journal.change(() => act(backend.project));
  }

  const edit = (act: (project: LocalProject) => void): Promise<State> => change(act).then(() => backend.state);

  const info = (id: number): ClassInfo => {
    const found = backend.project.classes.find((info) => info.id === id);
    if (!found) throw new ApiError("not_found", `No class ${id}.`);
    return found;
  };

  const importOf = (id: string): LocalImport => {
    const job = imports.get(id);
    if (!job) throw new ApiError("not_found", `No import ${id}.`);
    return job;
  };

  return {
    state: async () => backend.ready.then(() => backend.state),
    createClass: async (name) => info((await change((project) => project.addClass(name))).id),
    editClass: async (id, edit) => info((await change((project) => project.editClass(id, edit))).id),
    deleteClass: (id) => edit((project) => project.deleteClass(id)),
    clearClass: (id) => edit((project) => project.clearClass(id)),
    index: async () => {
      await backend.ready;
      const rows = backend.project.now.examples.toReversed();
      const names = [...new Set(rows.map(({ source }) => source))];
      return {
        revision: backend.project.revision,
        ids: rows.map(({ id }) => id),
        class_ids: rows.map(({ classId }) => classId),
        recording_ids: rows.map(({ recordingId }) => recordingId),
        sources: rows.map(({ source }) => names.indexOf(source)),
        source_names: names,
        created_at: rows.map(({ createdAt }) => Math.floor(createdAt / 1e6)),
      };
    },
    examples: async ({ class_id, before, limit }) => {
      const found = backend.project.now.examples
        .filter(({ id, classId }) => classId === class_id && id < before)
        .toReversed();
      return { examples: found.slice(0, limit).map(toInfo), next: found[limit]?.id ?? null };
    },
    neighbors: async (id, limit) => ({ neighbors: await backend.engine.neighbors(id, limit) }),
    addExample: async (image, { class_id, label, recording, source }) => {
      const { vector } = await backend.engine.predict(image);
      const press = recording ?? crypto.randomUUID();
      const where = label === undefined ? { class_id: class_id ?? -1 } : { label };
      const { example, change } = await backend.add(image, vector, { ...where, recording: press, group: press, source });
      return { ...toInfo(example), change };
    },
    moveExamples: (ids, classId) => edit((project) => project.move(ids, classId)),
    deleteExamples: (ids) => edit((project) => project.remove(ids)),
    deleteLastRecording: () => edit((project) => project.removeLastRecording()),
    undo: (change) => edit((project) => project.undo(change)),
    redo: (change) => edit((project) => project.redo(change)),
    predict: async (image) => {
      await backend.ready;
      const { prediction } = await backend.engine.predict(image);
      if (!prediction) throw new ApiError("bad_input", "This project has no examples yet.");
      return prediction;
    },
    beginImport: async () => {
      const job = new LocalImport(crypto.randomUUID());
      imports.set(job.info.id, job);
      return job.info;
    },
    sendFile: async (id, path, file, signal) => {
      signal.throwIfAborted();
      importOf(id).put(path, file);
    },
    startImport: async (id, label) => {
      const job = importOf(id);
      job.start(label, (picture, place) => backend.importExample(picture, id, place));
      return job.info;
    },
    importInfo: async (id, signal) => {
      signal.throwIfAborted();
      return { ...importOf(id).info };
    },
    cancelImport: async (id) => {
      const job = importOf(id);
      const { status } = job.info;
      await job.cancel();
      const { change } = job.info;
      if (status === "running" && change !== null) await edit((project) => project.undo(change));
      return { ...job.info, status };
    },
    evaluation: unavailable,
    map: unavailable,
    editSettings: unavailable,
    backbones: unavailable,
    beginBackbones: unavailable,
    cancelBackbones: unavailable,
    layers: unavailable,
    model: unavailable,
    exportSizes: unavailable,
    beginExport: unavailable,
    exportInfo: unavailable,
    dropExport: unavailable,
  };
}

function toInfo({ id, classId, recordingId, createdAt, source }: Example) {
  return {
    id,
    class_id: classId,
    recording_id: recordingId,
    width: 0,
    height: 0,
    created_at: new Date(createdAt / 1000).toISOString(),
    source,
  };
}

function unavailable(): Promise<never> {
  return Promise.reject(new ApiError("not_here", "An exported page cannot do this. Use the program."));
}
