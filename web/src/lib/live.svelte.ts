import { tick } from "svelte";
import { Grabber, type Picture } from "./grabber";
import { Recording } from "./holding";
import { leaveMeasure, Meter, type Summary } from "./meter";
import { createPredictor, type Connection, type Listener, type Predictor, type Reply } from "./predictor";
import type { Project } from "./project.svelte";
import { eachFrame, present, type Sight } from "./sight";
import type { Toasts } from "./toasts.svelte";
import type { PredictionInfo } from "./types";
import { examples } from "./words";

const SUMMARY_MS = 500;

/** What became of one press. */
interface Tally {
  taken: number;
  added: number;
  settled: number;
  released: boolean;
  change: number | null;
}

/** The live loop: every frame of the camera is looked at, or added while a button is held. */
export class Live {
  prediction = $state.raw<PredictionInfo | null>(null);
  connection = $state<Connection>("connecting");
  /** Examples not yet answered. */
  waiting = $state(0);
  /** The class whose button is held. */
  held = $state<number | null>(null);
  /** Counts the pictures taken of the present press. */
  taken = $state(0);
  summary = $state.raw<Summary | null>(null);

  readonly #project: Project;
  readonly #toasts: Toasts;
  readonly #predictor: Predictor;
  readonly #grabber = new Grabber();
  readonly #meter = new Meter();
  readonly #measuring = new URLSearchParams(location.search).has("measure");
  #video: HTMLVideoElement | null = null;
  #recording: Recording | null = null;
  #tally: Tally | null = null;
  /** The newest frame, not yet looked at. */
  #fresh: Sight | null = null;
  #grabbing = false;

  constructor(project: Project, toasts: Toasts) {
    this.#project = project;
    this.#toasts = toasts;
    this.#predictor = createPredictor(this.#listener());
    setInterval(() => (this.summary = this.#meter.summary(performance.now())), SUMMARY_MS);
  }

  /** Look through this video from now on; returns a stop. */
  watch(video: HTMLVideoElement, stream: MediaStream): () => void {
    this.#video = video;
    const stop = eachFrame(video, stream, (sight) => {
      this.#drop();
      this.#fresh = sight;
      this.#look();
    });
    return () => {
      stop();
      this.release();
      this.#drop();
      this.#video = this.prediction = null;
    };
  }

  press(classId: number): void {
    if (this.held === classId) return;
    this.release();
    if (!this.#video || this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.#toasts.show("There is no picture to add: the camera is not running.");
      return;
    }
    this.held = classId;
    this.taken = 0;
    this.#recording = new Recording(classId, performance.now());
    this.#tally = { taken: 0, added: 0, settled: 0, released: false, change: null };
    void this.#add(present(this.#video), this.#recording, this.#tally);
  }

  release(): void {
    const tally = this.#tally;
    this.held = this.#recording = this.#tally = null;
    if (!tally) return;
    tally.released = true;
    if (tally.settled === tally.taken) this.#report(tally);
    else if (!this.#predictor.online) {
      this.#toasts.show(`${examples(tally.taken)} will be added when the server is back.`);
    }
  }

  /** Do with the newest frame what is to be done now, if there is one and the way is free. */
  #look(): void {
    const sight = this.#fresh;
    if (!sight || this.#grabbing) return;
    if (this.#recording && this.#tally) {
      const ready = this.#predictor.free || !this.#predictor.online;
      if (ready && this.#recording.due(performance.now())) {
        void this.#add(sight, this.#recording, this.#tally);
      }
    } else if (this.#predictor.free) {
      void this.#ask(sight);
    }
  }

  #drop(): void {
    this.#fresh?.drop();
    this.#fresh = null;
  }

  async #ask(sight: Sight): Promise<void> {
    try {
      const picture = await this.#grab(sight);
      if (this.#recording || !this.#predictor.free) return; // A press came first.
      await this.#show(await this.#predictor.predict(picture), picture);
    } catch {
      return; // One frame less; the next one is on its way.
    }
    this.#look();
  }

  async #add(sight: Sight, { id, classId }: Recording, tally: Tally): Promise<void> {
    if (this.#predictor.full) {
      this.release();
      this.#toasts.show("No more examples can wait. Go on when the server is back.");
      return;
    }
    tally.taken += 1;
    this.taken += 1;
    try {
      const picture = await this.#grab(sight);
      const reply = await this.#predictor.add(picture, { classId, recording: id });
      tally.added += 1;
      tally.change = reply.answer.change;
      await this.#show(reply, picture);
    } catch (error) {
      if (tally === this.#tally) this.release();
      this.#toasts.show(error instanceof Error ? error.message : String(error));
    }
    tally.settled += 1;
    if (tally.released && tally.settled === tally.taken) this.#report(tally);
    this.#look();
  }

  async #grab(sight: Sight): Promise<Picture> {
    if (sight === this.#fresh) this.#fresh = null;
    this.#grabbing = true;
    try {
      return await this.#grabber.grab(sight);
    } finally {
      this.#grabbing = false;
    }
  }

  async #show(reply: Reply, { capturedAt, wait, encode }: Picture): Promise<void> {
    if (!this.#video) return;
    const { answer, wire, receivedAt } = reply;
    this.prediction = answer.prediction;
    await tick();
    const shownAt = performance.now();
    const show = shownAt - receivedAt;
    const { seq, timings } = answer;
    const sample = { seq, capturedAt, shownAt, wait, encode, wire, show, timings };
    this.#meter.record(sample);
    if (this.#measuring) leaveMeasure(sample);
  }

  #report({ added, change }: Tally): void {
    if (added === 0) return;
    const undo = { name: "Undo", run: () => void this.#project.undo(change ?? undefined) };
    this.#toasts.show(`${examples(added)} added.`, undo);
  }

  #listener(): Listener {
    return {
      state: (state) => this.#project.receive(state),
      connection: (connection) => {
        this.connection = connection;
        this.#look();
      },
      waiting: (count) => (this.waiting = count),
      error: (message) => this.#toasts.show(message),
    };
  }
}
