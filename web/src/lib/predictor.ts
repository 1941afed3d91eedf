import type { Picture } from "./grabber";
import { RemotePredictor, socketAddress } from "./remote";
import type { Answer, State } from "./types";

/** ``refused``: the server is there and does not let this page in. */
export type Connection = "connecting" | "online" | "offline" | "refused";

export interface NewExample {
  classId: number;
  recording: string;
}

export interface Reply {
  answer: Answer;
  /** Milliseconds from handing the picture over to its answer, less what the server worked on it. */
  wire: number;
  receivedAt: number;
}

/** What a predictor tells without being asked. */
export interface Listener {
  state(state: State): void;
  connection(connection: Connection): void;
  /** Examples handed over and not yet answered. */
  waiting(count: number): void;
  error(message: string): void;
}

/** Looks at pictures. Components know only this, not where the looking is done. */
export interface Predictor {
  /** A picture handed over now is looked at at once. */
  readonly free: boolean;
  readonly online: boolean;
  /** No more examples can be kept until some are answered. */
  readonly full: boolean;
  /** Rejects when the connection is lost meanwhile. */
  predict(picture: Picture): Promise<Reply>;
  /** Settles when the example is stored, however often the connection is lost meanwhile. */
  add(picture: Picture, example: NewExample): Promise<Reply>;
  close(): void;
}

/** The one place that chooses where pictures are looked at. */
export function createPredictor(listener: Listener): Predictor {
  return new RemotePredictor(socketAddress(location), listener, isLetIn);
}

async function isLetIn(): Promise<boolean> {
  const response = await fetch("/api/state").catch(() => null);
  return response?.status !== 401 && response?.status !== 403;
}
