import { tick } from "svelte";
import { backend } from "../api";
import type { ImageQuery } from "../files/image-query.svelte";
import { FrameEncoder, type Picture } from "../camera/frame-encoder";
import { Recording } from "../camera/holding";
import { leaveMeasure, Meter, type Summary } from "./meter";
import type { Connection, Listener, Place, Predictor, Reply } from "./predictor";
import type { Project } from "../project/project.svelte";
import { keepSmoothing, keptSmoothing } from "./smoothing-setting";
import { FramePacing } from "../camera/frame-pacing";
import { Smoother, USUAL_SMOOTHING_MS } from "./smoothing";
import { eachFrame, present, type CapturedFrame } from "../camera/frame-source";
import type { Toasts } from "../page/toasts.svelte";
import type { PredictionInfo } from "../server/types";
import { examples, messageOf } from "../page/words";

const SUMMARY_MS = 500;

/** The result of one press. */
interface Tally {
  taken: number;
  added: number;
  settled: number;
  released: boolean;
  change: number | null;
}

/** The live loop: predict every camera frame, or add it while a button is held. */
export class Live {
  connection = $state<Connection>("connecting");
  /** Why it cannot work. */
  failure = $state("");
  /** Examples not yet answered. */
  waiting = $state(0);
  /** The class whose button is held. */
  held = $state<number | null>(null);
  /** Number of pictures in the current press. */
  taken = $state(0);
  summary = $state.raw<Summary | null>(null);

  /** Where the network runs, and its latest speed there. */
  place = $state<Place>("server");
  speeds = $state.raw<Partial<Record<Place, Summary>>>({});
  /** The place that is being prepared. */
  moving = $state<Place | null>(null);

  /** The answer for the picture in question, or else for the camera's newest frame. */
  readonly prediction = $derived.by(() => (this.#imageQuery.question ? this.#imageQuery.prediction : this.#seen));
  #seen = $state.raw<PredictionInfo | null>(null);

  readonly #project: Project;
  readonly #toasts: Toasts;
  readonly #imageQuery: ImageQuery;
  readonly #predictor: Predictor;
  readonly #encoder = new FrameEncoder();
  readonly #smoother = new Smoother(keptSmoothing() ?? USUAL_SMOOTHING_MS);
  readonly #meter = new Meter();
  readonly #measuring = new URLSearchParams(location.search).has("measure");
  #video: HTMLVideoElement | null = null;
  #recording: Recording | null = null;
  #tally: Tally | null = null;
  /** The newest unused frame. */
  #fresh: CapturedFrame | null = null;
  /** The next encoded picture; it is encoded while the previous one is predicted. */
  #ready: Picture | null = null;
  readonly #pacing = new FramePacing();
  #smoothing = $state(this.#smoother.constant);
  #grabbing = false;

  constructor(project: Project, toasts: Toasts, imageQuery: ImageQuery) {
    this.#project = project;
    this.#toasts = toasts;
    this.#imageQuery = imageQuery;
    this.#predictor = backend.createPredictor(this.#listener());
    this.place = this.#predictor.place;
    setInterval(() => this.#summarize(), SUMMARY_MS);
  }

  /** The time constant of the smoothing, in milliseconds. */
  get smoothing(): number {
    return this.#smoothing;
  }

  set smoothing(constant: number) {
    this.#smoothing = this.#smoother.constant = constant;
    keepSmoothing(constant);
  }

  get places(): readonly Place[] {
    return this.#predictor.places;
  }

  /** Run the network elsewhere from now on. */
  async move(place: Place): Promise<void> {
    this.moving = place;
    try {
      await this.#predictor.move(place);
      this.place = place;
      this.#meter.clear();
    } catch (error) {
      this.#toasts.show(messageOf(error));
    }
    this.moving = null;
    this.#look();
  }

  /** Use this video from now on; return a function that stops. */
  watch(video: HTMLVideoElement, stream: MediaStream): () => void {
    this.#video = video;
    const stop = eachFrame(video, stream, (frame) => {
      this.#drop();
      this.#fresh = frame;
      this.#pacing.frame(performance.now());
      this.#look();
    });
    return () => {
      stop();
      this.release();
      this.#drop();
      this.#video = this.#seen = this.#ready = null;
    };
  }

  /** Record for this class, ``rate`` pictures per second, until the release. */
  press(classId: number, rate: number): void {
    this.release();
    if (!this.#video || this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.#toasts.show("There is no picture to add: the camera is not running.");
      return;
    }
    this.held = classId;
    this.taken = 0;
    this.#recording = new Recording(classId, performance.now(), rate);
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

  #summarize(): void {
    this.summary = this.#meter.summary(performance.now());
    if (this.summary && this.moving === null) this.speeds = { ...this.speeds, [this.place]: this.summary };
  }

  /** Predict or add the newest frame, if there is one and nothing is pending. */
  #look(): void {
    if (this.#imageQuery.question || this.#recording) this.#ready = null;
    if (this.#imageQuery.question) return;
    if (this.#ready && this.#predictor.free) void this.#ask(this.#ready);
    const frame = this.#fresh;
    if (!frame || this.#grabbing) return;
    if (this.#recording && this.#tally) {
      const ready = this.#predictor.free || !this.#predictor.online;
      if (ready && this.#recording.due(performance.now())) {
        void this.#add(frame, this.#recording, this.#tally);
      }
    } else if (this.#predictor.free || (this.#predictor.online && this.#pacing.isTime(performance.now()))) {
      void this.#prepare(frame);
    }
  }

  #drop(): void {
    this.#fresh?.drop();
    this.#fresh = null;
  }

  async #prepare(frame: CapturedFrame): Promise<void> {
    try {
      this.#ready = await this.#grab(frame);
      this.#pacing.making = this.#ready.encode;
    } catch {
      return; // One frame less; the next one is on its way.
    }
    this.#look();
  }

  async #ask(picture: Picture): Promise<void> {
    this.#ready = null;
    const { capturedAt, wait, encode } = picture;
    const askedAt = performance.now();
    const waited = askedAt - capturedAt - wait - encode;
    this.#pacing.asked(askedAt);
    try {
      const reply = await this.#predictor.predict(picture);
      this.#pacing.answered(performance.now());
      this.#look(); // The next picture is looked at while this answer is drawn.
      await this.#show(reply, { ...picture, wait: wait + waited });
    } catch {
      // One frame less; the next one is on its way.
    }
  }

  async #add(frame: CapturedFrame, { id, classId }: Recording, tally: Tally): Promise<void> {
    if (this.#predictor.full) {
      this.release();
      this.#toasts.show("Too many examples are waiting. Continue when the server is back.");
      return;
    }
    tally.taken += 1;
    this.taken += 1;
    try {
      const picture = await this.#grab(frame);
      const reply = await this.#predictor.add(picture, { classId, recording: id });
      tally.added += 1;
      tally.change = reply.answer.change;
      await this.#show(reply, picture);
    } catch (error) {
      if (tally === this.#tally) this.release();
      this.#toasts.show(messageOf(error));
    }
    tally.settled += 1;
    if (tally.released && tally.settled === tally.taken) this.#report(tally);
    this.#look();
  }

  async #grab(frame: CapturedFrame): Promise<Picture> {
    if (frame === this.#fresh) this.#fresh = null;
    this.#grabbing = true;
    try {
      return await this.#encoder.grab(frame, this.#project.state?.image_size);
    } finally {
      this.#grabbing = false;
    }
  }

  async #show(reply: Reply, { capturedAt, wait, encode }: Picture): Promise<void> {
    if (!this.#video) return;
    const { answer, wire, receivedAt } = reply;
    this.#seen = this.#smoother.next(answer.prediction, receivedAt);
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
    this.#toasts.show(`${examples(added)} added.`, this.#project.undoing(change ?? undefined));
  }

  #listener(): Listener {
    return {
      state: (state) => {
        this.#project.receive(state);
        // An export contains the setting of the page that exported it.
        if (state.smoothing != null) this.#smoothing = this.#smoother.constant = keptSmoothing() ?? state.smoothing;
      },
      connection: (connection, why = "") => {
        this.connection = connection;
        this.failure = why;
        this.#look();
      },
      waiting: (count) => (this.waiting = count),
      error: (message) => this.#toasts.show(message),
      moved: (place, why) => {
        this.place = place;
        this.#meter.clear();
        this.#toasts.show(why);
      },
    };
  }
}
