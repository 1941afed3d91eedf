import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const server = "http://127.0.0.1:8000";

export default defineConfig({
  // An exported page may lie in any folder of any host.
  base: "./",
  plugins: [svelte()],
  // ONNX Runtime without a copy of its loader inside: that lies beside it as a file of its own.
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"] },
  worker: { format: "es" },
  build: {
    outDir: "../src/classify_anything/static",
    emptyOutDir: true,
    // The server's Content-Security-Policy is 'self' only: nothing inline, nothing as data:.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: {
    // constants.json lies with the Python package, which reads it, too.
    fs: { allow: [".", "../src/classify_anything/constants.json"] },
    proxy: {
      "/api": { target: server, changeOrigin: true },
      "/healthz": { target: server, changeOrigin: true },
      "/ws": { target: server, changeOrigin: true, rewriteWsOrigin: true, ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts"] },
});
