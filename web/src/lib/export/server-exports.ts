/** The export formats of a server. */

import type { ExportChoice, ExportForm, Exports, ExportFile } from "../server/backend";
import { keptSmoothing } from "../live/smoothing-setting";
import { ApiError } from "../server/errors";
import { rest } from "../server/rest";
import { USUAL_SMOOTHING_MS } from "../live/smoothing";
import type { ExportInfo, ExportRequest } from "../server/types";
import type { Report } from "../project/work.svelte";

const POLL_MS = 200;

const PRECISION = {
  name: "precision",
  kind: "choice",
  text: "Precision",
  values: [
    { value: "fp32", text: "32-bit (same as here)" },
    { value: "fp16", text: "16-bit (half the size)" },
    { value: "int8", text: "8-bit (a quarter of the size)" },
  ],
} as const;

const USED = "classify-anything serve --export NAME   # this page without the project";

const PYTHON_BEGINS = `import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(NAME)
facts = session.get_modelmeta().custom_metadata_map
image = ImageOps.exif_transpose(Image.open("what.jpg")).convert("RGB")
`;
const PYTHON_CUTS = `side, size = min(image.size), json.loads(facts["size"])
left, top = (image.width - side) // 2, (image.height - side) // 2
image = image.crop((left, top, left + side, top + side))
image = image.resize((size, size), Image.Resampling.BILINEAR)
`;
const PYTHON_ENDS = `probabilities, similarity, _ = session.run(None, {"image": np.asarray(image)[None]})
threshold = json.loads(facts["threshold"])
known = threshold is None or similarity[0] > threshold
print(json.loads(facts["labels"])[probabilities[0].argmax()] if known else "none of these")`;

const SCRIPT_BEGINS = `import * as ort from "onnxruntime-web";

const labels = LABELS, threshold = THRESHOLD;
const session = await ort.InferenceSession.create(NAME);
const picture = document.querySelector("img");
await picture.decode();
const { naturalWidth: width, naturalHeight: height } = picture;
`;
const SCRIPT_CUTS = `const size = SIZE, side = Math.min(width, height);
const canvas = new OffscreenCanvas(size, size).getContext("2d");
canvas.imageSmoothingQuality = "high";
canvas.drawImage(picture, (width - side) >> 1, (height - side) >> 1, side, side, 0, 0, size, size);
const rgb = canvas.getImageData(0, 0, size, size).data.filter((_, place) => place % 4 < 3);
const image = new ort.Tensor("uint8", new Uint8Array(rgb), [1, size, size, 3]);
`;
const SCRIPT_TAKES_ALL = `const canvas = new OffscreenCanvas(width, height).getContext("2d");
canvas.drawImage(picture, 0, 0);
const rgb = canvas.getImageData(0, 0, width, height).data.filter((_, place) => place % 4 < 3);
const image = new ort.Tensor("uint8", new Uint8Array(rgb), [1, height, width, 3]);
`;
const SCRIPT_ENDS = `const { probabilities, similarity } = await session.run({ image });
const best = probabilities.data.indexOf(Math.max(...probabilities.data));
console.log(similarity.data[0] > threshold ? labels[best] : "none of these");`;

const EMBEDDED = `<script type="module" src="page/embed.js"></script>
<classify-anything src="page/"></classify-anything>
<script>
  document.addEventListener("prediction", ({ detail }) => {
    console.log(detail.label, detail.probability);
  });
</script>`;

export const FORMS: readonly ExportForm[] = [
  {
    id: "web",
    name: "A page that needs no server",
    text: "This page with your examples, as a folder for any web host. It answers and keeps learning in the visitor's own browser, on phones too, and offline after the first visit. No picture leaves the device. The program compares it with this page before you get it.",
    options: [
      { name: "read_only", kind: "switch", text: "Read-only: it answers, but cannot be taught" },
      { name: "embed", kind: "switch", text: "Add an element for other pages" },
      PRECISION,
    ],
    snippets: [
      { language: "Terminal", code: "unzip NAME -d page\npython -m http.server --directory page\n# then open http://localhost:8000" },
      { language: "HTML", code: EMBEDDED, when: "embed" },
    ],
  },
  {
    id: "onnx",
    name: "One ONNX file",
    text: "The network and your trained classes, in one file for other programs: pictures in, probabilities out. The program compares it with this page before you get it.",
    options: [{ name: "any_size", kind: "switch", text: "Accept pictures of any size" }, PRECISION],
    snippets: [
      { language: "Python", code: PYTHON_BEGINS + PYTHON_CUTS + PYTHON_ENDS, unless: "any_size" },
      { language: "Python", code: PYTHON_BEGINS + PYTHON_ENDS, when: "any_size" },
      { language: "JavaScript", code: SCRIPT_BEGINS + SCRIPT_CUTS + SCRIPT_ENDS, unless: "any_size" },
      { language: "JavaScript", code: SCRIPT_BEGINS + SCRIPT_TAKES_ALL + SCRIPT_ENDS, when: "any_size" },
      { language: "Terminal", code: USED },
    ],
  },
  {
    id: "zip",
    name: "The pictures",
    text: "All original pictures, in one folder per class, with a list of their details. Import it to get the same project again.",
    options: [],
    snippets: [
      { language: "Terminal", code: "classify-anything import NAME -p copy.db" },
      { language: "Python", code: 'from classify_anything import Classifier\n\nwith Classifier("copy.db") as clf:\n    clf.import_dataset(NAME)' },
    ],
  },
  {
    id: "tfjs-knn",
    name: "For TensorFlow.js",
    text: "The embeddings of your examples, as the JSON that TensorFlow.js's k-NN classifier uses.",
    options: [],
    snippets: [
      { language: "JavaScript", code: "const rows = await (await fetch(NAME)).json();\nclassifier.setClassifierDataset(Object.fromEntries(\n  rows.map(([label, numbers, shape]) => [label, tf.tensor(numbers, shape)])));" },
    ],
  },
];

export const serverExports: Exports = {
  forms: FORMS,
  sizes: async () => (await rest.exportSizes()).bytes,
  make,
};

async function make(form: string, choice: ExportChoice, report: Report, signal: AbortSignal): Promise<ExportFile> {
  const own = form === "onnx" ? { smoothing: keptSmoothing() ?? USUAL_SMOOTHING_MS } : {};
  let info = await rest.beginExport({ format: form as ExportRequest["format"], ...choice, ...own });
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

function handedOver({ id, status, name, bytes, notes, threshold, error }: ExportInfo): ExportFile {
  if (status !== "done") throw new ApiError(error?.code ?? status, error?.message ?? "The export was cancelled.");
  return {
    name,
    bytes: bytes ?? 0,
    notes,
    threshold,
    address: `/api/exports/${id}/file`,
    // The program keeps only the latest exports of all open pages.
    there: () => rest.exportInfo(id).then(() => true, () => false),
    dispose: () => void rest.dropExport(id).catch(() => undefined),
  };
}
