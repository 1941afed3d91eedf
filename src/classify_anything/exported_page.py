"""A page that needs no server, read back from its files: what it will say in a browser.

The network is the one that the page runs. The head is made of the page's own numbers in the way
that the page does it, so whatever went wrong when they were written shows.
"""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from classify_anything import settings
from classify_anything.errors import ExportError
from classify_anything.formats.knowledge_reader import Read, read_knowledge
from classify_anything.formats.onnx_file import head_alone
from classify_anything.formats.onnx_metadata import Facts
from classify_anything.formats.onnx_session import Answers, Head, Session
from classify_anything.heads import ClassMeansHead, KNeighborsHead, RidgeHead
from classify_anything.heads.frozen import Frozen
from classify_anything.knowledge import threshold
from classify_anything.types import Class, Float32Array, UInt8Array

_BATCH = 4
_FILES = ("backbone.onnx.gz", "knowledge.bin.gz")


class ExportedPage:
    """A page as ``export`` wrote it.

    Args:
        path: the folder, or a zip of it.

    Attributes:
        path: the same.
        facts: what the page says of itself.
        probe: float32 [d], what its network made of ``probe_picture``.

    Raises:
        ExportError: it is missing, damaged, not such a page, or made by a newer version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        backbone, knowledge = (_unpacked(self.path, name) for name in _FILES)
        try:
            read = read_knowledge(knowledge)
            self.facts = _facts(read)
            head = _head(read)
            self.probe = read.arrays["probe"]
        except ExportError as error:
            raise ExportError(f"{self.path}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(f"{self.path}: damaged: what it knows cannot be read.") from error
        self._backbone = Session(self.path, backbone)
        self._head = Head(self.path, head_alone(head).SerializeToString())

    def run(self, squares: UInt8Array) -> Answers:
        """What it says of squares, uint8 [n, size, size, 3] RGB. Raises ExportError."""
        return self.decide(self.embed(squares))

    def embed(self, squares: UInt8Array) -> Float32Array:
        """Embed uint8 [n, size, size, 3] RGB → float32 [n, d]. Raises ExportError."""
        (found,) = self._backbone.run_in_parts(["embedding"], _BATCH, image=squares)
        return found

    def decide(self, embeddings: Float32Array) -> Answers:
        """What it makes of embeddings, float32 [n, d], without a look at pictures."""
        return self._head.decide(embeddings)


def is_page(path: Path) -> bool:
    """Whether a path is a folder or a zip, as such a page is."""
    return path.is_dir() or zipfile.is_zipfile(path)


def _unpacked(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            return gzip.decompress((path / name).read_bytes())
        with zipfile.ZipFile(path) as archive:
            return gzip.decompress(archive.read(name))
    except (FileNotFoundError, KeyError, zipfile.BadZipFile) as error:
        raise ExportError(f"{path}: not a page that was exported: it has no {name}.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ExportError(f"{path}: damaged: its {name} cannot be read.") from error


def _facts(read: Read) -> Facts:
    header, backbone = read.header, read.header["backbone"]
    counts = Counter(header["examples"]["class_ids"])
    return Facts(
        project=header["project"],
        classes=tuple(Class(one["id"], one["name"], one["color"]) for one in header["classes"]),
        examples=tuple(counts[one["id"]] for one in header["classes"]),
        head=header["head"]["name"],
        parameters=header["head"],
        strictness=header["strictness"],
        threshold=threshold(read.arrays["familiar"], header["strictness"]),
        smoothing=settings.USUAL_SMOOTHING_MS,
        backbone=backbone["name"],
        fingerprint=backbone["fingerprint"],
        license="",
        size=backbone["size"],
        any_size=False,
        # Pages made before this was told are compared as the projects they came from.
        precision=backbone.get("precision", "fp32"),
        accuracy=None,
        created_at=header["created_at"],
        version=header["package"],
    )


def _head(read: Read) -> Frozen:
    """The head that the page decides with."""
    told, examples = read.header["head"], read.header["examples"]
    ids, class_ids = examples["ids"], examples["class_ids"]
    vectors = read.arrays["vectors"].reshape(len(ids), -1)
    classes = [one["id"] for one in read.header["classes"]]
    if told["name"] == "knn":
        head = KNeighborsHead(told["n_neighbors"], told["weights"], balanced=told["balanced"])
        return head.partial_fit(vectors, class_ids, ids, classes).freeze()
    if told["name"] == "means":
        means = ClassMeansHead().partial_fit(vectors, class_ids, ids, classes).freeze()
        return replace(means, parameters=_numbers(told, "temperature"))
    place_of = {key: place for place, key in enumerate(ids)}
    chosen = sorted(place_of[key] for key in told["chosen"])
    theirs = [class_ids[place] for place in chosen], [ids[place] for place in chosen]
    ridge = RidgeHead().partial_fit(vectors[chosen], *theirs, classes).freeze()
    lines = {
        "linear": read.arrays["linear"].reshape(len(classes), -1),
        "offsets": read.arrays["offsets"],
    }
    numbers = _numbers(told, "temperature", "penalty")
    return replace(ridge, parameters=numbers, arrays={**ridge.arrays, **lines})


def _numbers(told: Mapping[str, Any], *names: str) -> dict[str, float]:
    return {name: float(told[name]) for name in names}
