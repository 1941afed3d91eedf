import type { ClassEdit, ClassInfo, ErrorReply, ExamplePage, State } from "./types";

/** An answer of the server that says no; the message is for people. */
export class ApiError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export const api = {
  createClass: (name?: string) => call<ClassInfo>("POST", "/api/classes", { name }),
  editClass: (id: number, edit: ClassEdit) => call<ClassInfo>("PATCH", `/api/classes/${id}`, edit),
  deleteClass: (id: number) => call<State>("DELETE", `/api/classes/${id}`),
  clearClass: (id: number) => call<State>("DELETE", `/api/classes/${id}/examples`),
  examples: (id: number, limit: number, before: number | null) => {
    const query = new URLSearchParams({ class_id: String(id), limit: String(limit) });
    if (before !== null) query.set("before", String(before));
    return call<ExamplePage>("GET", `/api/examples?${query}`);
  },
  deleteExample: (id: number) => call<State>("DELETE", `/api/examples/${id}`),
  deleteLastRecording: () => call<State>("DELETE", "/api/recordings/last"),
  undo: (change?: number) => call<State>("POST", "/api/undo", { change }),
  redo: (change?: number) => call<State>("POST", "/api/redo", { change }),
};

export function imageAddress(exampleId: number): string {
  return `/api/examples/${exampleId}/image`;
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : null,
  }).catch(() => {
    throw new ApiError("unreachable", "The server does not answer. Try again when it is back.");
  });
  if (response.ok) return (await response.json()) as T;
  const reply = (await response.json().catch(() => null)) as ErrorReply | null;
  throw new ApiError(
    reply?.error.code ?? `http_${response.status}`,
    reply?.error.message ?? `The server answered with error ${response.status}. Try again.`,
  );
}
