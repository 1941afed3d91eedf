// @vitest-environment node
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket as NodeWebSocket, WebSocketServer } from "ws";
import type { Connection } from "./predictor";
import { OUTBOX_LIMIT } from "./outbox";
import { RemotePredictor, socketAddress } from "./remote";
import type { Frame } from "../server/types";

/** Node 20 has no WebSocket of its own; this one, like a browser's, reports errors by closing. */
class BrowserWebSocket extends NodeWebSocket {
  constructor(address: string) {
    super(address);
    this.on("error", () => undefined);
  }
}

vi.stubGlobal("WebSocket", BrowserWebSocket);

const picture = { jpeg: Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), capturedAt: 0, wait: 0, encode: 0 };
const mug = { classId: 1, recording: "r" };

/** A real socket server that records what it receives and answers as the test wants. */
class Desk {
  readonly frames: Frame[] = [];
  answers = true;
  #server: WebSocketServer | undefined;
  port = 0;

  async open(letsIn = true): Promise<void> {
    this.#server = new WebSocketServer({ host: "127.0.0.1", port: this.port, verifyClient: () => letsIn });
    this.#server.on("connection", (socket) =>
      socket.on("message", (data: Buffer) => {
        const header = JSON.parse(data.subarray(4, 4 + data.readUInt32LE(0)).toString()) as Frame;
        this.frames.push(header);
        if (this.answers) socket.send(JSON.stringify(answerTo(header)));
      }),
    );
    await once(this.#server, "listening");
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#server?.clients ?? []) socket.terminate();
    await new Promise((done) => this.#server?.close(done) ?? done(null));
  }

  send(message: object): void {
    for (const socket of this.#server?.clients ?? []) socket.send(JSON.stringify(message));
  }

  /** The keys of the examples it got, in order. */
  get keys(): string[] {
    return this.frames.flatMap((frame) => (frame.type === "add" ? [frame.key] : []));
  }
}

function answerTo({ seq, type }: Frame) {
  const prediction = { class_id: null, label: null, probability: 0, probabilities: {}, neighbors: [] };
  const timings = { queue: 0, decode: 0, backbone: 0, head: 0, store: 0 };
  const example_id = type === "add" ? seq : null;
  return { type: "answer", seq, revision: 1, prediction, example_id, change: null, timings };
}

const leftovers: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leftovers.splice(0)) await end();
});

async function start({ letsIn = true } = {}) {
  const desk = new Desk();
  await desk.open(letsIn);
  const connections: Connection[] = [];
  const errors: string[] = [];
  let waiting = 0;
  const listener = {
    state: () => undefined,
    connection: (connection: Connection) => void connections.push(connection),
    waiting: (count: number) => (waiting = count),
    error: (message: string) => void errors.push(message),
  };
  const address = socketAddress({ protocol: "http:", host: `127.0.0.1:${desk.port}` });
  const predictor = new RemotePredictor(address, listener, () => Promise.resolve(letsIn));
  leftovers.push(() => predictor.close(), () => desk.close());
  await vi.waitFor(() => expect(connections).toHaveLength(1));
  return { desk, predictor, connections, errors, waiting: () => waiting };
}

test("one picture is asked about at a time", async () => {
  const { desk, predictor } = await start();
  const first = predictor.predict(picture);
  expect(predictor.free).toBe(false);
  await expect(predictor.predict(picture)).rejects.toThrow("already being predicted");
  expect((await first).answer.type).toBe("answer");
  expect(predictor.free).toBe(true);
  expect(desk.frames).toHaveLength(1);
});

test("an example does not wait for the answer to a question", async () => {
  const { desk, predictor } = await start();
  desk.answers = false;
  void predictor.predict(picture).catch(() => undefined);
  void predictor.add(picture, mug);
  await vi.waitFor(() => expect(desk.frames.map(({ type }) => type)).toEqual(["predict", "add"]));
});

test("examples that were not answered are sent again, in order, with the same keys", async () => {
  const { desk, predictor, connections, waiting } = await start();
  desk.answers = false;
  const before = [predictor.add(picture, mug), predictor.add(picture, mug)];
  await vi.waitFor(() => expect(desk.keys).toHaveLength(2));
  await desk.close();
  await vi.waitFor(() => expect(connections.at(-1)).toBe("offline"));
  const during = [predictor.add(picture, mug), predictor.add(picture, mug)];
  expect(waiting()).toBe(4);

  desk.answers = true;
  await desk.open();
  await Promise.all([...before, ...during]);

  const [first, second, ...again] = desk.keys;
  expect(again).toHaveLength(4);
  expect(again.slice(0, 2)).toEqual([first, second]);
  expect(new Set(again).size).toBe(4);
  expect(connections).toEqual(["online", "offline", "online"]);
  expect(waiting()).toBe(0);
});

test("a question is not asked again, but the next one can be", async () => {
  const { desk, predictor, connections } = await start();
  desk.answers = false;
  const lost = expect(predictor.predict(picture)).rejects.toThrow("lost");
  await vi.waitFor(() => expect(desk.frames).toHaveLength(1));
  await desk.close();
  await lost;

  desk.answers = true;
  await desk.open();
  await vi.waitFor(() => expect(connections.at(-1)).toBe("online"));
  await predictor.predict(picture);
  expect(desk.frames).toHaveLength(2);
});

test("an example that the server refuses is reported and not sent again", async () => {
  const { desk, predictor, errors } = await start();
  desk.answers = false;
  const refused = expect(predictor.add(picture, mug)).rejects.toThrow("No class 1.");
  await vi.waitFor(() => expect(desk.frames).toHaveLength(1));
  desk.send({ type: "error", seq: desk.frames[0]?.seq, error: { code: "unknown_class", message: "No class 1." } });
  await refused;
  expect(predictor.free).toBe(true);

  desk.send({ type: "error", seq: null, error: { code: "error", message: "The disk is full." } });
  await vi.waitFor(() => expect(errors).toEqual(["The disk is full."]));
});

test("the outbox has an end, and says so", async () => {
  const { desk, predictor } = await start();
  await desk.close();
  await vi.waitFor(() => expect(predictor.online).toBe(false));
  for (let count = 0; count < OUTBOX_LIMIT; count++) void predictor.add(picture, mug);
  expect(predictor.full).toBe(true);
  await expect(predictor.add(picture, mug)).rejects.toThrow("Too many");
});

test("a server that refuses the page differs from one that is gone", async () => {
  const { desk, connections } = await start({ letsIn: false });
  expect(connections).toEqual(["refused"]);
  await desk.close();
  await desk.open();
  await vi.waitFor(() => expect(connections.at(-1)).toBe("online"));
});

test("a predictor that is closed while it asks why it was refused does not connect again", async () => {
  const desk = new Desk();
  await desk.open(false);
  const connections: Connection[] = [];
  const listener = {
    state: () => undefined,
    connection: (connection: Connection) => void connections.push(connection),
    waiting: () => undefined,
    error: () => undefined,
  };
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  leftovers.push(() => vi.useRealTimers(), () => desk.close());
  let isAsked = () => {};
  const asked = new Promise<void>((resolve) => (isAsked = resolve));
  let letIn: (answer: boolean) => void = () => {};
  const predictor = new RemotePredictor(`ws://127.0.0.1:${desk.port}/ws`, listener, () => {
    isAsked();
    return new Promise((resolve) => (letIn = resolve));
  });
  await asked;
  predictor.close();
  letIn(false);
  await new Promise((resolve) => setImmediate(resolve));
  expect(vi.getTimerCount()).toBe(0);
  expect(connections).toEqual([]);
});
