/** What a browser must be able to do to look at pictures by itself. */

/** An instruction of wasm SIMD in the least module that has one; see the WebAssembly feature-detect project. */
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

/** Throws an Error with one line that a person understands. */
export function checkAbilities(): void {
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(Uint8Array.from(SIMD))) {
    throw new Error("This browser is too old to look at pictures by itself: it has no WebAssembly SIMD.");
  }
}
