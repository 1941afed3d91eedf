/** Fetch the page's own files. */

import type { ErrorReply } from "../server/types";

/** ``packed``: the file is gzipped, so that every host sends it small. */
export async function read(address: string, packed = false): Promise<ArrayBuffer> {
  const name = address.split("/").at(-1)?.split("?")[0] ?? address;
  const response = await fetch(packed ? `${address}.gz` : address).catch(() => null);
  if (!response?.ok || !response.body) {
    const reply = (await response?.json().catch(() => null)) as ErrorReply | null;
    if (reply?.error?.message) throw new Error(reply.error.message);
    const why = response ? `error ${response.status}` : "no network";
    throw new Error(`${name} could not be loaded: ${why}. Load the page again.`);
  }
  try {
    // The browser has already unpacked a file that the host sent with this encoding.
    const plain = response.headers.get("Content-Encoding") === "gzip" || !packed;
    if (plain) return await response.arrayBuffer();
    return await new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  } catch {
    throw new Error(`${name} is damaged. Load the page again.`);
  }
}
