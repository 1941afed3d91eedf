import type { Picture } from "../camera/frame-encoder";
import { encodeFrame } from "./frames";
import { Outbox, type Parcel } from "./outbox";
import type { Connection, Listener, NewExample, Reply } from "./predictor";
import type { Answer, ErrorReply, ServerMessage } from "../server/types";

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 2000;
/** A server that is this long silent about a frame is gone, whatever the socket says. */
const SILENCE_MS = 10_000;
/** Examples on their way at a time: a press need not wait for the answer to the one before. */
const WINDOW = 2;

interface Pending {
  sentAt: number;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

type PendingExample = Parcel & Pending;

export function socketAddress(page: Pick<Location, "protocol" | "host">): string {
  return `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}/ws`;
}

/** Send pictures over the socket; reconnect for ever; examples wait in the outbox meanwhile. */
export class RemotePredictor {
  readonly #address: string;
  readonly #listener: Omit<Listener, "moved">;
  readonly #isLetIn: () => Promise<boolean>;
  readonly #outbox = new Outbox<PendingExample>();
  #socket: WebSocket | null = null;
  #question: (Pending & { seq: number }) | null = null;
  #seq = 0;
  #retry = FIRST_RETRY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(address: string, listener: Omit<Listener, "moved">, isLetIn: () => Promise<boolean>) {
    this.#address = address;
    this.#listener = listener;
    this.#isLetIn = isLetIn;
    this.#connect();
  }

  get online(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get free(): boolean {
    return this.online && !this.#question && this.#outbox.size === 0;
  }

  get full(): boolean {
    return this.#outbox.full;
  }

  predict(picture: Picture): Promise<Reply> {
    if (!this.free) return Promise.reject(new Error("Another picture is already being predicted."));
    return new Promise((resolve, reject) => {
      const seq = this.#seq++;
      this.#question = { seq, sentAt: performance.now(), resolve, reject };
      this.#send(encodeFrame({ type: "predict", seq }, picture.jpeg));
    });
  }

  add(picture: Picture, { classId, recording }: NewExample): Promise<Reply> {
    if (this.full) return Promise.reject(new Error("Too many examples are waiting for the server."));
    return new Promise((resolve, reject) => {
      const seq = this.#seq++;
      const key = crypto.randomUUID();
      const message = encodeFrame({ type: "add", seq, class_id: classId, recording, key }, picture.jpeg);
      this.#outbox.put({ seq, message, sentAt: 0, resolve, reject });
      this.#listener.waiting(this.#outbox.size);
      this.#post();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect(): void {
    const socket = new WebSocket(this.#address);
    let opened = false;
    this.#socket = socket;
    socket.onopen = () => {
      opened = true;
      this.#listener.connection("online");
      this.#post();
    };
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(String(data)) as ServerMessage);
    socket.onclose = () => void this.#lost(opened);
  }

  async #lost(opened: boolean): Promise<void> {
    clearTimeout(this.#timer);
    this.#socket = null;
    this.#question?.reject(new Error("The connection was lost."));
    this.#question = null;
    this.#outbox.rewind();
    const connection: Connection = opened || (await this.#isLetIn()) ? "offline" : "refused";
    if (this.#closed) return;
    this.#listener.connection(connection);
    this.#timer = setTimeout(() => this.#connect(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, LAST_RETRY_MS);
  }

  #receive(message: ServerMessage): void {
    this.#retry = FIRST_RETRY_MS;
    if (message.type === "state") this.#listener.state(message);
    else if (message.seq !== null) this.#settle(message.seq, message);
    else if (message.type === "error") this.#listener.error(message.error.message);
  }

  #settle(seq: number, message: Answer | ErrorReply): void {
    const pending = this.#question?.seq === seq ? this.#question : this.#outbox.answered(seq);
    if (!pending) return;
    if (pending === this.#question) this.#question = null;
    else this.#listener.waiting(this.#outbox.size);
    this.#post();
    this.#watch();
    if (message.type === "error") {
      pending.reject(new Error(message.error.message));
      return;
    }
    const receivedAt = performance.now();
    const { queue, decode, backbone, head, store } = message.timings;
    const wire = receivedAt - pending.sentAt - (queue + decode + backbone + head + store);
    pending.resolve({ answer: message, wire, receivedAt });
  }

  /** Send waiting examples, up to the window. */
  #post(): void {
    while (this.online) {
      const example = this.#outbox.next(WINDOW);
      if (!example) return;
      example.sentAt = performance.now();
      this.#send(example.message);
    }
  }

  #send(message: Uint8Array<ArrayBuffer>): void {
    this.#socket?.send(message);
    this.#watch();
  }

  /** Close the connection after a long silence with pending frames. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (!this.#question && this.#outbox.size === 0) return;
    this.#timer = setTimeout(() => this.#socket?.close(), SILENCE_MS);
  }
}
