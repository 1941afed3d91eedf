/** What a browser must be able to do to look at pictures by itself. */

/** An instruction of wasm SIMD in the least module that has one; see the WebAssembly feature-detect project. */
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

/** ``learns``: the page also keeps what it is taught. Throws an Error with one line that a person understands. */
export function checkAbilities(learns: boolean): void {
  const lacking = Object.entries({
    "WebAssembly SIMD": typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(SIMD)),
    DecompressionStream: "DecompressionStream" in globalThis,
    OffscreenCanvas: "OffscreenCanvas" in globalThis,
    "sorting of copies": "toSorted" in Array.prototype,
  }).find(([, there]) => !there);
  if (lacking) {
    throw new Error(`This browser is too old to look at pictures by itself: it has no ${lacking[0]}. Update it.`);
  }
  if (learns && !globalThis.isSecureContext) {
    throw new Error("This page needs an address that begins with https (or localhost): else the browser allows neither camera nor memory.");
  }
}
