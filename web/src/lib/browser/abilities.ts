/** Check that the browser supports what an exported page requires. */

/** The smallest module with a SIMD instruction; see the WebAssembly feature-detect project. */
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

/** ``learns``: the page also stores examples. Throws an Error with one line for people. */
export function checkBrowser(learns: boolean): void {
  const lacking = Object.entries({
    "WebAssembly SIMD": typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(SIMD)),
    DecompressionStream: "DecompressionStream" in globalThis,
    OffscreenCanvas: "OffscreenCanvas" in globalThis,
    "sorting of copies": "toSorted" in Array.prototype,
  }).find(([, there]) => !there);
  if (lacking) {
    throw new Error(`This browser is too old for this page: it has no ${lacking[0]}. Update it.`);
  }
  if (learns && !globalThis.isSecureContext) {
    throw new Error("Open this page with https:// (or on localhost). Otherwise the browser allows no camera and saves no examples.");
  }
}
