import { expect, test } from "vitest";
import { encodeFrame } from "./frames";

test("a frame is the header's length, the header and the picture", () => {
  const header = { type: "add", seq: 7, class_id: 3, recording: "été", key: "k" } as const;
  const picture = Uint8Array.of(0xff, 0xd8, 0, 0xff, 0xd9);

  const message = encodeFrame(header, picture);

  const length = new DataView(message.buffer).getUint32(0, true);
  const json = new TextDecoder().decode(message.subarray(4, 4 + length));
  expect(JSON.parse(json)).toEqual(header);
  expect(message.subarray(4 + length)).toEqual(picture);
});
