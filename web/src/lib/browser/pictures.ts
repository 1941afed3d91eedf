/** Identify a picture by its content, whatever its file is called. */

const KINDS: readonly { type: string; ending: string; begins: RegExp }[] = [
  { type: "image/jpeg", ending: "jpg", begins: /^\xff\xd8\xff/ },
  { type: "image/png", ending: "png", begins: /^\x89PNG/ },
  { type: "image/gif", ending: "gif", begins: /^GIF8/ },
  { type: "image/bmp", ending: "bmp", begins: /^BM/ },
  { type: "image/webp", ending: "webp", begins: /^RIFF[^]{4}WEBP/ },
  { type: "image/avif", ending: "avif", begins: /^[^]{4}ftypavi[fs]/ },
];

export interface IdentifiedImage {
  picture: Blob;
  sha256: string;
}

/** Return the picture with its media type, and its SHA-256. */
export async function identifyImage(file: Blob): Promise<IdentifiedImage> {
  const data = await file.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  const head = String.fromCharCode(...new Uint8Array(data, 0, Math.min(12, data.byteLength)));
  const type = KINDS.find(({ begins }) => begins.test(head))?.type ?? file.type;
  return {
    picture: new Blob([data], { type }),
    sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
}

export function extensionOf(type: string): string {
  return KINDS.find((kind) => kind.type === type)?.ending ?? "img";
}
