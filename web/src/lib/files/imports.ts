/** Import files on the server, all or nothing. */

import { api, ApiError } from "../api";
import type { LocalFile } from "./files";
import { withRetries } from "../live/retry";
import type { ImportInfo, ProblemInfo } from "../server/types";
import { messageOf } from "../page/words";
import { IncompleteUndo, type Report } from "../project/work.svelte";

/** Number of parallel uploads. */
const LANES = 4;
const POLL_MS = 250;
/** Attempts if the server does not answer: for a minute, or a few seconds when cancelling. */
const TRIES = 120;
export const LAST_TRIES = 10;
const STILL_THERE = "The examples added so far are still there. Undo to remove them.";

export interface Outcome {
  added: number;
  /** Already there: the same picture in the same class. */
  known: number;
  /** Left out, the first hundred or so. */
  problems: readonly ProblemInfo[];
  leftOut: number;
  change: number | null;
}

export interface Wanted {
  /** The class of all of them (default: their folders). */
  label: string | null;
  /** Frames per second to extract from videos. */
  rate?: number;
}

export async function importFiles(
  files: readonly LocalFile[],
  { label, rate }: Wanted,
  report: Report,
  signal: AbortSignal,
): Promise<Outcome> {
  report({ text: "Sending", done: 0, total: files.length });
  const { id } = await api.beginImport();
  try {
    const unsent = await send(id, files, report, signal);
    await api.startImport(id, label, rate);
    const { added, known, problems, problem_count, change } = await finished(id, report, signal);
    const leftOut = unsent.length + problem_count;
    return { added, known, problems: [...unsent, ...problems], leftOut, change };
  } catch (error) {
    await takeBack(id, signal.aborted ? "Cancelled." : messageOf(error));
    throw error;
  }
}

/** Report files that could not be sent, and send the others. */
async function send(
  id: string,
  files: readonly LocalFile[],
  report: Report,
  signal: AbortSignal,
): Promise<ProblemInfo[]> {
  const problems: ProblemInfo[] = [];
  const waiting = files.values();
  let done = 0;
  const lane = async () => {
    for (const { path, file } of waiting) {
      const problem = await sendOne(id, path, file, signal);
      if (problem) problems.push(problem);
      report({ text: "Sending", done: ++done, total: files.length });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return problems;
}

async function sendOne(id: string, path: string, file: File, signal: AbortSignal): Promise<ProblemInfo | null> {
  // fetch reports an unreadable file like a server that does not answer.
  const readable = await file.slice(0, 1).arrayBuffer().then(() => true, () => false);
  if (!readable) return { name: path, message: `${path}: it cannot be read.`, code: "unreadable" };
  try {
    await api.sendFile(id, path, file, signal);
    return null;
  } catch (error) {
    const refused = error instanceof ApiError && ["bad_input", "too_large"].includes(error.code);
    if (!refused) throw error;
    return { name: path, message: error.message, code: error.code };
  }
}

async function finished(id: string, report: Report, signal: AbortSignal): Promise<ImportInfo> {
  for (;;) {
    const waiting = () => report({ text: "Waiting for the server", done: 0, total: null });
    const info = await withRetries(() => api.importInfo(id, signal), { tries: TRIES, signal, waiting });
    if (info.status === "done") return info;
    if (info.status !== "running") {
      throw new ApiError(info.error?.code ?? info.status, info.error?.message ?? "The import was cancelled.");
    }
    report({ text: "Adding pictures", done: info.done, total: info.total });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Cancel an import, undoing it if it was already done; report what could not be undone. */
async function takeBack(id: string, reason: string): Promise<void> {
  try {
    const ended = await withRetries(() => api.cancelImport(id), { tries: LAST_TRIES });
    const { status, change } = ended;
    if (change === null) return;
    if (status !== "done") throw new IncompleteUndo(`${reason} ${STILL_THERE}`);
    await withRetries(() => api.undo(change), { tries: LAST_TRIES });
  } catch (error) {
    if (error instanceof IncompleteUndo || !(error instanceof ApiError)) throw error;
    switch (error.code) {
      case "not_found":
        throw new IncompleteUndo(`The program has restarted. ${STILL_THERE}`);
      case "conflict":
      case "nothing_to_undo":
        throw new IncompleteUndo(`${reason} But everything was already added, and something else has changed since. Undo that first.`);
      default:
        throw new IncompleteUndo(`${reason} But the server does not answer. Check what was added when it is back.`);
    }
  }
}
