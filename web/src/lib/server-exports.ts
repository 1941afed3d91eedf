/** The forms that a server makes. */

import type { ExportChoice, ExportForm, Exports, Made } from "./backend";
import { ApiError } from "./errors";
import { rest } from "./rest";
import type { ExportInfo, ExportRequest } from "./types";
import type { Report } from "./work.svelte";

const POLL_MS = 200;

const PRECISION = {
  name: "precision",
  kind: "choice",
  text: "Numbers",
  values: [
    { value: "fp32", text: "32 bit: exactly as here" },
    { value: "fp16", text: "16 bit: half the size" },
    { value: "int8", text: "8 bit: a quarter of the size, and quicker" },
  ],
} as const;

export const FORMS: readonly ExportForm[] = [
  {
    id: "web",
    name: "A page that needs no server",
    text: "This page with all it knows, as a folder for any web host. It answers and goes on learning in the visitor's own browser, on phones too, and offline after the first visit. No frame leaves the device.",
    options: [
      { name: "frozen", kind: "switch", text: "Only answers, does not learn" },
      { name: "embed", kind: "switch", text: "With an element for other pages" },
      PRECISION,
    ],
    snippets: [
      { language: "Terminal", code: "unzip NAME -d page\npython -m http.server --directory page\n# then open http://localhost:8000" },
      { language: "JavaScript", code: '<script type="module" src="page/embed.js"></script>\n<classify-anything src="page/"></classify-anything>\n<script>\n  document.addEventListener("prediction", ({ detail }) => {\n    console.log(detail.label, detail.probability);\n  });\n</script>' },
    ],
  },
  {
    id: "onnx",
    name: "One ONNX file",
    text: "The network and what it was taught, in one file for programs: pictures in, probabilities out. It is checked against this page before you get it.",
    options: [{ name: "any_size", kind: "switch", text: "Takes pictures of any size" }, PRECISION],
    snippets: [
      { language: "Python", code: 'import classify_anything\n\nmodel = classify_anything.load_export("NAME")\nprint(model.predict("what.jpg").label)' },
      { language: "Terminal", code: "classify-anything serve --export NAME" },
    ],
  },
  {
    id: "zip",
    name: "The pictures",
    text: "All examples, byte for byte, in a folder for each class, with a list of all that is known of them. The same project comes out of it again.",
    options: [],
    snippets: [
      { language: "Terminal", code: "classify-anything import NAME -p copy.db" },
      { language: "Python", code: 'from classify_anything import Classifier\n\nwith Classifier("copy.db") as clf:\n    clf.import_dataset("NAME")' },
    ],
  },
  {
    id: "tfjs-knn",
    name: "For TensorFlow.js",
    text: "What the examples look like to the network, as the JSON that people keep of TensorFlow.js's k-NN classifier.",
    options: [],
    snippets: [
      { language: "JavaScript", code: 'const rows = await (await fetch("NAME")).json();\nclassifier.setClassifierDataset(Object.fromEntries(\n  rows.map(([label, numbers, shape]) => [label, tf.tensor(numbers, shape)])));' },
    ],
  },
];

export const serverExports: Exports = {
  forms: FORMS,
  sizes: async () => (await rest.exportSizes()).bytes,
  make,
};

async function make(form: string, choice: ExportChoice, report: Report, signal: AbortSignal): Promise<Made> {
  let info = await rest.beginExport({ format: form as ExportRequest["format"], ...choice });
  try {
    while (info.status === "running") {
      report({ text: info.text, done: info.done, total: info.total });
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      signal.throwIfAborted();
      info = await rest.exportInfo(info.id);
    }
  } catch (error) {
    void rest.dropExport(info.id).catch(() => undefined);
    throw error;
  }
  return handedOver(info);
}

function handedOver({ id, status, name, bytes, notes, error }: ExportInfo): Made {
  if (status !== "done") throw new ApiError(error?.code ?? status, error?.message ?? "The export was cancelled.");
  return { name, bytes: bytes ?? 0, notes, address: `/api/exports/${id}/file`, dispose: () => void rest.dropExport(id) };
}
