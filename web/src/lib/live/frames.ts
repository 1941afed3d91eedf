import type { Frame } from "../server/types";

const LENGTH_BYTES = 4;
const utf8 = new TextEncoder();

/** One frame as it travels: uint32 little-endian header length, JSON header, JPEG bytes. */
export function encodeFrame(header: Frame, jpeg: Uint8Array): Uint8Array<ArrayBuffer> {
  const json = utf8.encode(JSON.stringify(header));
  const message = new Uint8Array(LENGTH_BYTES + json.length + jpeg.length);
  new DataView(message.buffer).setUint32(0, json.length, true);
  message.set(json, LENGTH_BYTES);
  message.set(jpeg, LENGTH_BYTES + json.length);
  return message;
}
