/** Read the thumbnails of an export's examples, ``thumbnails.bin``. */

/**
 * The file has the number of pictures (uint32, little-endian), the length of each, and the pictures (WebP).
 * Return them by example id.
 */
export function parseThumbnails(file: ArrayBuffer, ids: readonly number[]): Map<number, Blob> {
  const view = new DataView(file);
  const count = view.getUint32(0, true);
  if (count !== ids.length) throw new Error("thumbnails.bin belongs to another export.");
  let start = 4 + 4 * count;
  return new Map(
    ids.map((id, place) => {
      const length = view.getUint32(4 + 4 * place, true);
      start += length;
      return [id, new Blob([new Uint8Array(file, start - length, length)], { type: "image/webp" })];
    }),
  );
}
