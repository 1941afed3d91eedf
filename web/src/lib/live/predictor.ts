import type { Picture } from "../camera/frame-encoder";
import type { Answer, State } from "../server/types";

/** ``refused``: the server is there and does not let this page in. ``failed``: it will never work. */
export type Connection = "connecting" | "online" | "offline" | "refused" | "failed";

/** Where the network runs. */
export type Place = "server" | "browser";

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

/** Events of a predictor. */
export interface Listener {
  state(state: State): void;
  /** ``why`` is for people. */
  connection(connection: Connection, why?: string): void;
  /** Examples handed over and not yet answered. */
  waiting(count: number): void;
  error(message: string): void;
  /** The network runs elsewhere from now on; ``why`` is for people. */
  moved(place: Place, why: string): void;
}

/** Predict pictures. Components do not depend on where the network runs. */
export interface Predictor {
  /** Whether the predictor can accept a picture now. */
  readonly free: boolean;
  readonly online: boolean;
  /** No more examples can be kept until some are answered. */
  readonly full: boolean;
  /** The possible places. */
  readonly places: readonly Place[];
  readonly place: Place;
  /** Rejects with one line for people, and then changes nothing. */
  move(place: Place): Promise<void>;
  /** Rejects when the connection is lost meanwhile. */
  predict(picture: Picture): Promise<Reply>;
  /** Settles when the example is stored, however often the connection is lost meanwhile. */
  add(picture: Picture, example: NewExample): Promise<Reply>;
  close(): void;
}
