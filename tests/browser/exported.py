"""Helpers for exported pages and their engine."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from classify_anything import Classifier
from classify_anything.types import Prediction
from tests.photos import encoded, photo

SCENES = ("cat", "coffee", "rocket", "astronaut", "retina")
"""The scenes of the camera clip, in order."""

CLOSE = 1e-4

ASK = """async ([size, pictures, orders]) => {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const code = loaded.find((name) => name.includes("engine.worker"));
  const worker = new Worker(code, { type: "module" });
  const call = (id, name, ...args) => new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }) => {
      if (data.id !== id) return;
      if ("error" in data) reject(new Error(data.error));
      else resolve(data.result);
    });
    worker.postMessage({ id, name, args });
  });
  const { body } = await fetch("model.bin.gz");
  const plain = body.pipeThrough(new DecompressionStream("gzip"));
  const model = await new Response(plain).arrayBuffer();
  const { threads } = await call(0, "open", new URL("backbone.onnx", location).href, size, true);
  await call(1, "load", model);
  const pictureOf = (coded) => {
    const bytes = Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  };
  let calls = 2;
  for (const [name, args] of orders) {
    for (const example of name === "learn" ? args : []) {
      if (example.picture) {
        example.vector = (await call(calls++, "predict", pictureOf(example.picture))).vector;
      }
    }
    await call(calls++, name, args);
    for (const example of name === "learn" ? args : []) {
      if (!example.picture) continue;
      const views = await call(calls++, "views", pictureOf(example.picture), example.sha256);
      await call(calls++, "setViews", example.id, views);
    }
  }
  await call(calls++, "fitted");
  const answers = [];
  for (const picture of pictures) {
    const answer = await call(calls++, "predict", pictureOf(picture));
    answers.push({ ...answer.prediction, vector: [...answer.vector] });
  }
  worker.terminate();
  return { threads, answers };
}"""
"""Send pictures to the page's engine, in a worker of the test."""


def teach(clf: Classifier, shifts: int = 12) -> None:
    """Add five classes with two recordings each, of slightly shifted photos."""
    for name in SCENES:
        for shift in range(shifts):
            picture = photo(name)[shift * 6 :, shift * 9 :]
            clf.add(name, picture, recording=f"{name} {shift % 2}")


def ask(
    page: Page, pictures: list[np.ndarray], orders: Sequence[tuple[str, Any]] = ()
) -> dict[str, Any]:
    """Return the answers of the engine to square pictures, after these calls."""
    size = pictures[0].shape[0]
    args = [size, [coded(one) for one in pictures], [list(order) for order in orders]]
    answer: dict[str, Any] = page.evaluate(ASK, args)
    return answer


def coded(picture: np.ndarray) -> str:
    """Encode a picture for ``ASK``."""
    return base64.b64encode(encoded(Image.fromarray(picture), "PNG")).decode()


def compare(answer: dict[str, Any], expected: Prediction, labels: dict[int, str]) -> None:
    """Raise AssertionError if the engine and the program disagree."""
    assert answer["label"] == expected.label
    own = {labels[int(key)]: value for key, value in answer["probabilities"].items()}
    assert own == pytest.approx(expected.probabilities, abs=CLOSE)
    assert answer["typicality"] == pytest.approx(expected.typicality, abs=0.02)
    ids = [one["example_id"] for one in answer["neighbors"]]
    named = [one.example_id for one in expected.neighbors]
    assert ids == named


def queries(clf: Classifier) -> list[np.ndarray]:
    """Return square pictures: some known, some new, some of unknown things."""
    size = clf.backbone.size
    made = [
        np.asarray(Image.fromarray(photo(name)[30:, 80:]).resize((size, size))) for name in SCENES
    ]
    rng = np.random.default_rng(3)
    noise = [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for _ in range(4)]
    mixed = [
        ((one.astype(int) + other) // 2).astype(np.uint8) for one, other in itertools.pairwise(made)
    ]
    return [*made, *mixed, *noise]
