"""Read an exported page from its files, and predict as it does in a browser.

The head is rebuilt from the page's files in the same way as in the browser, so errors in writing
them become visible.
"""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from classify_anything import settings
from classify_anything.errors import ExportError
from classify_anything.export.formats.model_reader import Read, read_browser_model
from classify_anything.export.formats.onnx_graph import head_alone
from classify_anything.export.formats.onnx_metadata import ExportMetadata
from classify_anything.export.formats.onnx_session import Answers, Head, Session
from classify_anything.heads import KNeighborsHead
from classify_anything.heads.calibration import softmax
from classify_anything.heads.metric import directed
from classify_anything.heads.parameters import HeadParameters
from classify_anything.project.model import threshold
from classify_anything.types import Class, Float32Array, UInt8Array

_BATCH = 4
_BACKBONE, _MODEL = "backbone.onnx.gz", "model.bin.gz"
_MODEL_0_1 = "knowledge.bin.gz"


class ExportedPage:
    """A page written by ``export``.

    Args:
        path: the folder, or a zip of it.

    Attributes:
        path: the folder, or a zip of it.
        metadata: stored in the page.
        probe: float32 [d], the stored embedding of ``probe_picture``.

    Raises:
        ExportError: the page is missing, damaged, not an export, or from a newer version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        backbone = _unpacked(self.path, _BACKBONE)
        model = _unpacked(self.path, _MODEL_0_1 if _holds(self.path, _MODEL_0_1) else _MODEL)
        try:
            read = read_browser_model(model)
            self.metadata = _metadata(read)
            retired = self.metadata.head in ("means", "ridge")
            self._head: Head | _RetiredHead = (
                _RetiredHead(read)
                if retired
                else Head(self.path, head_alone(_head(read)).SerializeToString())
            )
            self.probe = read.arrays["probe"]
        except ExportError as error:
            raise ExportError(f"{self.path}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(f"{self.path}: damaged: its model cannot be read.") from error
        self._backbone = Session(self.path, backbone)

    def run(self, squares: UInt8Array) -> Answers:
        """Return the outputs for squares, uint8 [n, size, size, 3] RGB. Raises ExportError."""
        return self.decide(self.embed(squares))

    def embed(self, squares: UInt8Array) -> Float32Array:
        """Embed uint8 [n, size, size, 3] RGB → float32 [n, d]. Raises ExportError."""
        (embeddings,) = self._backbone.run_in_parts(["embedding"], _BATCH, image=squares)
        return embeddings

    def decide(self, embeddings: Float32Array) -> Answers:
        """Run only the head, on embeddings, float32 [n, d]."""
        return self._head.decide(embeddings)


def is_page(path: Path) -> bool:
    """Return whether a path is a folder or a zip, as an exported page is."""
    return path.is_dir() or zipfile.is_zipfile(path)


def _holds(path: Path, name: str) -> bool:
    if path.is_dir() or not zipfile.is_zipfile(path):
        return (path / name).exists()
    with zipfile.ZipFile(path) as archive:
        return name in archive.namelist()


def _unpacked(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            return gzip.decompress((path / name).read_bytes())
        with zipfile.ZipFile(path) as archive:
            return gzip.decompress(archive.read(name))
    except (FileNotFoundError, KeyError, zipfile.BadZipFile) as error:
        raise ExportError(f"{path}: not an exported page: it has no {name}.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ExportError(f"{path}: damaged: its {name} cannot be read.") from error


def _metadata(read: Read) -> ExportMetadata:
    header, backbone = read.header, read.header["backbone"]
    counts = Counter(header["examples"]["class_ids"])
    return ExportMetadata(
        project=header["project"],
        classes=tuple(Class(item["id"], item["name"], item["color"]) for item in header["classes"]),
        examples=tuple(counts[item["id"]] for item in header["classes"]),
        head=header["head"]["name"],
        parameters=header["head"],
        rejection_level=header["rejection_level"],
        threshold=threshold(read.arrays["reference_scores"], header["rejection_level"]),
        smoothing=settings.USUAL_SMOOTHING_MS,
        backbone=backbone["name"],
        fingerprint=backbone["fingerprint"],
        license="",
        size=backbone["size"],
        any_size=False,
        # Older pages do not store the precision; all of them are fp32.
        precision=backbone.get("precision", "fp32"),
        accuracy=None,
        created_at=header["created_at"],
        version=header["package"],
    )


def _head(read: Read) -> HeadParameters:
    """Rebuild the head of the page."""
    stored, examples, arrays = read.header["head"], read.header["examples"], read.arrays
    ids, class_ids = examples["ids"], examples["class_ids"]
    vectors = arrays["vectors"].reshape(len(ids), -1)
    classes = [item["id"] for item in read.header["classes"]]
    head = KNeighborsHead(
        stored["n_neighbors"], "cosine", stored["weights"], balanced=stored["balanced"]
    )
    votes = head.partial_fit(vectors, class_ids, ids, classes).freeze()
    if stored["name"] != "adaptive":
        return votes
    return replace(
        votes,
        name="adaptive",
        parameters={**stored, "temperature": float(stored["temperature"])},
        arrays={
            "centre": arrays["centre"],
            "directions": arrays["directions"].reshape(-1, vectors.shape[1]),
            "gains": arrays["gains"],
        },
    )


class _RetiredHead:
    """The head of a page of version 0.1 that is "means" or "ridge"."""

    def __init__(self, read: Read) -> None:
        stored, examples = read.header["head"], read.header["examples"]
        vectors = read.arrays["vectors"].reshape(len(examples["ids"]), -1)
        ids = np.array(examples["class_ids"])
        self._temperature = float(stored["temperature"])
        self._offsets = read.arrays["offsets"]
        self._centre = np.zeros(vectors.shape[1], np.float32)
        self._rows = read.arrays["linear"].reshape(-1, vectors.shape[1])
        self._fitted = np.array([item["id"] in ids for item in read.header["classes"]])
        self._cosines = stored["name"] == "means"
        if self._cosines:
            means = np.zeros((len(self._fitted), vectors.shape[1]), np.float32)
            for row in np.flatnonzero(self._fitted).tolist():
                means[row] = vectors[ids == read.header["classes"][row]["id"]].mean(axis=0)
            self._centre = means[self._fitted].mean(axis=0)
            self._rows = directed(means - self._centre)
            self._offsets = np.zeros(len(means), np.float32)

    def decide(self, embeddings: Float32Array) -> Answers:
        """Score embeddings, float32 [n, d], by one row per class."""
        centred = embeddings - self._centre
        scores = (directed(centred) if self._cosines else centred) @ self._rows.T + self._offsets
        scores = np.where(self._fitted, scores, -np.inf)
        return Answers(softmax(scores, self._temperature), scores.max(axis=1), embeddings)
