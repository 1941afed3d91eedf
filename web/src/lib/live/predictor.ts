import type { Picture } from "../camera/frame-encoder";
import type { Answer, State } from "../server/types";

/** ``refused``: the server is there and does not let this page in. ``failed``: it will never work. */
export type Connection = "connecting" | "online" | "offline" | "refused" | "failed";

/** Where pictures are looked at. */
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

/** What a predictor tells without being asked. */
export interface Listener {
  state(state: State): void;
  /** ``why`` is for people. */
  connection(connection: Connection, why?: string): void;
  /** Examples handed over and not yet answered. */
  waiting(count: number): void;
  error(message: string): void;
  /** Pictures are looked at elsewhere from now on; ``why`` is for people. */
  moved(place: Place, why: string): void;
}

/** Looks at pictures. Components know only this, not where the looking is done. */
export interface Predictor {
  /** A picture handed over now is looked at at once. */
  readonly free: boolean;
  readonly online: boolean;
  /** No more examples can be kept until some are answered. */
  readonly full: boolean;
  /** Where it can look. */
  readonly places: readonly Place[];
  readonly place: Place;
  /** Rejects with one line that a person understands; then it stays where it was. */
  move(place: Place): Promise<void>;
  /** Rejects when the connection is lost meanwhile. */
  predict(picture: Picture): Promise<Reply>;
  /** Settles when the example is stored, however often the connection is lost meanwhile. */
  add(picture: Picture, example: NewExample): Promise<Reply>;
  close(): void;
}
