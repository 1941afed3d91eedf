"""The Python API: a facade of one project."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from classify_anything.backbones import Backbone, load_backbone
from classify_anything.backbones.bulk import OnProgress, embedded_blocks
from classify_anything.backbones.speed import measure
from classify_anything.datasets.items import Dataset, Item
from classify_anything.datasets.read import read_dataset
from classify_anything.datasets.video import Frames
from classify_anything.errors import ImageError, NotAProjectError
from classify_anything.evaluation.dataset import evaluate_dataset
from classify_anything.evaluation.evaluate import Evaluation, evaluate, make_head
from classify_anything.export.write import (
    ExportFormat,
    Options,
    Precision,
    check_options,
    has_head,
    write_export,
)
from classify_anything.heads import Head
from classify_anything.images import ImageInput, Picture, read_bytes, to_square
from classify_anything.project.importing import Import
from classify_anything.project.project import Project
from classify_anything.project.reembed import BackboneComparison, reembed
from classify_anything.project.snapshot import take_snapshot
from classify_anything.settings import USUAL_SMOOTHING_MS
from classify_anything.types import (
    Change,
    Class,
    Example,
    Float32Array,
    ImportReport,
    Neighbor,
    Prediction,
    Progress,
    Settings,
    UInt8Array,
)
from classify_anything.workers import one_blas_thread

_BLOCK = 16
"""Images that are compared with the examples at once, which reads those only once."""


class Classifier:
    """Learn classes of images from a few examples, and keep them in one project file.

    Use an object from one thread at a time. Several processes may open the same project: each
    sees the changes of the others at its next call.

    Args:
        project: the project file; it is created if missing.
        backbone: a name, an .onnx or .tflite file, or an open Backbone. Default: the one in the
            project's settings (see ``change_backbone``), at first the one in the package. If it is
            missing on this machine, the package's is used, and ``notice`` says so.
        head: the head. Default: the one in the project's settings, at first ``KNeighborsHead()``.
        create: whether to create the project file if it is missing.
        progress: called while many examples are embedded first.

    Raises:
        StoreError: the project cannot be opened; see ``errors.py`` for the kinds.
        BackboneError: the backbone cannot be opened.

    Example::

        clf = Classifier("desk.db")
        clf.add("mug", "mug.jpg")
        clf.predict("what.jpg").label
    """

    def __init__(
        self,
        project: str | os.PathLike[str],
        *,
        backbone: str | os.PathLike[str] | Backbone | None = None,
        head: Head | None = None,
        create: bool = True,
        progress: OnProgress | None = None,
    ) -> None:
        path = Path(project)
        if not create and not path.exists():
            raise NotAProjectError(f"{path}: no such project.")
        self._project = Project(path, backbone, head, progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._project)

    def close(self) -> None:
        """Close the project file."""
        self._project.close()

    @property
    def project(self) -> Project:
        """The project behind this facade. Its methods may change without notice."""
        return self._project

    @property
    def path(self) -> Path:
        """The project file."""
        return self._project.path

    @property
    def notice(self) -> str:
        """A problem, such as a backbone that is missing on this machine; usually empty."""
        return self._project.notice

    # --- predicting

    def predict(self, image: ImageInput | Picture) -> Prediction:
        """Predict the class of an image.

        Args:
            image: a path, bytes, a PIL image, or a uint8 array [h, w, 3] RGB.

        Raises:
            ImageError: the image cannot be read.
        """
        return self.predict_embedding(self.embed(image))

    def predict_many(
        self,
        images: Iterable[ImageInput],
        *,
        on_error: Callable[[ImageInput, ImageError], object] | None = None,
        progress: OnProgress | None = None,
    ) -> Iterator[Prediction | None]:
        """Predict the class of each image, lazily and in order.

        Images are read a few ahead, and decoded and embedded on all cores, in constant memory. With
        a slow source, each prediction is yielded before the next image is requested. If the source
        fails, the predictions of its previous images are yielded first.

        Args:
            images: any iterable of images as for ``predict``.
            on_error: called with an unreadable image, for which None is yielded; by default the
                ImageError is raised.
            progress: called after each image.
        """
        total = len(images) if isinstance(images, list | tuple) else None
        project, size = self._project, self.backbone.size

        def prepare(
            image: ImageInput,
        ) -> tuple[tuple[ImageInput, ImageError | None], UInt8Array | None]:
            try:
                return (image, None), to_square(image, size)
            except ImageError as error:
                return (image, error), None

        done = 0
        for block in embedded_blocks(self.backbone, images, prepare, _BLOCK):
            known = [vector for _, vector in block if vector is not None]
            answers = iter(project.predict(np.stack(known)) if known else ())
            for (image, error), _ in block:
                done += 1
                if error is None:
                    yield self._with_thumbnails(next(answers))
                elif on_error is None:
                    raise error
                else:
                    on_error(image, error)
                    yield None
                if progress:
                    progress(Progress(done, total))

    def embed(self, image: ImageInput | Picture) -> Float32Array:
        """Return the embedding of an image, float32 [dimension] of length 1. Raises ImageError."""
        return self._project.embed(image)

    def predict_embedding(self, embedding: npt.ArrayLike) -> Prediction:
        """Predict the class of an embedding, float [dimension]. Raises EmbeddingError."""
        return self._with_thumbnails(self._project.predict(np.asarray(embedding)[None])[0])

    def neighbors(self, example: int | Example, n: int = 8) -> tuple[Neighbor, ...]:
        """Return the examples most similar to an example, nearest first. Raises NotFoundError."""
        return self._project.neighbors(_id(example), n)

    @property
    def settings(self) -> Settings:
        """The head, the rejection level and the backbones."""
        return self._project.settings

    def configure(
        self, *, head: str | None = None, rejection_level: float | None = None
    ) -> Settings:
        """Change the settings that are not None, and return all of them.

        Raises:
            SettingError: the head is unknown, or the rejection level is not from 0 to 1.
        """
        return self._project.configure(head=head, rejection_level=rejection_level)

    def evaluate(self, head: str | None = None) -> Evaluation:
        """Measure the accuracy on the project's examples, each tested without its recording.

        Args:
            head: "adaptive" or "classic"; by default the head in use.

        Raises:
            InputError: fewer than two classes have examples, or none has two.
            SettingError: the head is unknown.
        """
        with one_blas_thread():
            found = evaluate(self._project.training_set(), *self._named(head))
        return replace(found, thumbnail=self.thumbnail)

    def evaluate_on(self, folder: str | os.PathLike[str], head: str | None = None) -> Evaluation:
        """Measure the accuracy on other images: a folder per class, a zip or a list.

        Outcomes have the indices of images, from 0, instead of example ids. Unreadable images and
        those of unknown classes are skipped.

        Raises:
            DatasetError: it contains no image of a known class.
            SettingError: the head is unknown.
        """
        return evaluate_dataset(
            Path(folder), self._project.training_set(), *self._named(head), self.backbone
        )

    def _named(self, head: str | None) -> tuple[str, Head]:
        """Return a new head of that name; by default of the kind in use."""
        model = self._project.model
        return (model.head_name, model.new_head()) if head is None else (head, make_head(head))

    def _with_thumbnails(self, prediction: Prediction) -> Prediction:
        """Add what a notebook needs to show pictures."""
        return replace(prediction, thumbnail=self.thumbnail)

    # --- learning

    def add(
        self,
        label: str | int,
        image: ImageInput | Picture,
        *,
        embedding: Float32Array | None = None,
        recording: str | None = None,
        key: str | None = None,
        source: str = "python",
    ) -> Example:
        """Add an example; it is on disk and known to the head when this returns.

        Args:
            label: the name of a class, which is added if it is new, or the id of one.
            image: as for ``predict``. Files and bytes are stored unchanged.
            embedding: the result of ``embed``, if you already have it.
            recording: a name for the examples of one press, which are undone together and evaluated
                as one. By default each example is its own recording.
            key: a name for this example; if it exists, that example is returned.
            source: where it came from, such as "camera".

        Raises:
            ImageError, LabelError, EmbeddingError: the image, name or embedding is invalid.
            NotFoundError: no class has this id.
            StoreError: the file cannot be written; nothing has changed.
        """
        example, _ = self._project.add(
            label, image, embedding=embedding, recording=recording, key=key, source=source
        )
        return example

    def add_many(
        self,
        examples: Iterable[tuple[str | int, ImageInput]],
        *,
        source: str = "python",
        progress: OnProgress | None = None,
    ) -> ImportReport:
        """Add many examples, decoded and embedded on all cores, in bounded memory.

        They are one change for undo. An image that its class already has (by sha256) is skipped.
        Unreadable images are listed in ``ImportReport.problems``.

        Args:
            examples: pairs of a label, as for ``add``, and an image.
            source: where they came from.
            progress: called after each batch.

        Raises:
            StoreError: the file cannot be written; the project is unchanged.
        """
        pairs = enumerate(examples, 1)
        total = len(examples) if isinstance(examples, list | tuple) else None
        items = (_item(number, label, image, source) for number, (label, image) in pairs)
        return self._import(Dataset(items, total), progress)

    def import_dataset(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        label: str | None = None,
        frames: Frames = Frames(),  # noqa: B008 - frozen
        progress: OnProgress | None = None,
    ) -> ImportReport:
        """Add the images and videos of files, folders and zips, as ``add_many`` does.

        docs/datasets.md describes the supported layouts, such as a folder per class. After Ctrl+C,
        the examples added so far stay, and the same call resumes.

        Args:
            paths: one or more.
            label: the class of every image. Default: the name of its folder or zip.
            frames: which frames to extract from videos.
            progress: called after each batch.

        Raises:
            DatasetError: a path is missing, damaged or empty.
            StoreError: the file cannot be written; the project is unchanged.
        """
        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        dataset = read_dataset([Path(path) for path in given], label=label, frames=frames)
        return self._import(dataset, progress)

    def _import(self, dataset: Dataset, progress: OnProgress | None) -> ImportReport:
        report = Import(self._project.store, self.backbone, dataset).run(progress)
        self._project.make_views(progress)
        return report

    # --- classes

    def classes(self) -> list[Class]:
        """Return the classes, in the order they were added."""
        return self._project.classes()

    def find_class(self, label: str | int) -> Class:
        """Return the class with this name (in any case) or id. Raises NotFoundError."""
        return self._project.find_class(label)

    def add_class(self, name: str | None = None) -> Class:
        """Add a class; without a name, the first free "Class N". Raises LabelError."""
        return self._project.store.add_class(name)

    def edit_class(
        self, label: str | int, *, name: str | None = None, color: int | None = None
    ) -> Class:
        """Rename a class, or give it a colour from 0 to 7.

        Raises:
            NotFoundError: there is no such class.
            LabelError, SettingError: the name or the colour is not allowed.
        """
        return self._project.edit_class(label, name=name, color=color)

    def remove_class(self, label: str | int) -> None:
        """Remove a class and its examples. Raises NotFoundError."""
        self._project.remove_class(label)

    # --- examples

    def examples(
        self,
        label: str | int | None = None,
        *,
        source: str | None = None,
        recording: int | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Example]:
        """Return examples, newest first.

        Args:
            label: only those of this class. Raises NotFoundError if there is none.
            source: only those that came from there, such as "camera".
            recording: only those of the recording with this id.
            before: only those older than the example with this id.
            limit: maximum number to return.
        """
        return self._project.examples(
            label, source=source, recording=recording, before=before, limit=limit
        )

    def example(self, example_id: int) -> Example:
        """Return one example by its id. Raises NotFoundError."""
        return self._project.store.example(example_id)

    def image(self, example: int | Example) -> tuple[bytes, str]:
        """Return an example's bytes as captured, and their media type. Raises NotFoundError."""
        return self._project.store.image(_id(example))

    def thumbnail(self, example: int | Example) -> bytes:
        """Return an example as a square JPEG of 160 pixels, cropped as for the backbone."""
        return self._project.thumbnail(_id(example))

    def move(self, examples: int | Example | Iterable[int | Example], label: str | int) -> None:
        """Move one or more examples to another class. Raises NotFoundError, and then moves none."""
        self._project.move(examples, label)

    def remove(self, examples: int | Example | Iterable[int | Example]) -> None:
        """Remove one or more examples. Raises NotFoundError, and then removes none."""
        self._project.remove(examples)

    # --- undoing

    def next_undo(self) -> Change | None:
        """Return the change that ``undo`` would undo."""
        return self._project.store.next_undo()

    def next_redo(self) -> Change | None:
        """Return the change that ``redo`` would redo."""
        return self._project.store.next_redo()

    def undo(self, expected: int | None = None) -> None:
        """Undo the newest change; with ``expected``, only if that is its id.

        Raises:
            NothingToUndoError: there is no change to undo.
            ConflictError: the newest change is another one.
        """
        self._project.store.undo(expected)

    def redo(self, expected: int | None = None) -> None:
        """Redo the last undone change. Raises as ``undo``."""
        self._project.store.redo(expected)

    # --- the backbone

    @property
    def backbone(self) -> Backbone:
        """The open backbone."""
        return self._project.backbone

    def change_backbone(
        self,
        backbone: str | os.PathLike[str] | Backbone = "",
        *,
        progress: OnProgress | None = None,
    ) -> None:
        """Use another backbone, and save it in the project's settings.

        All stored images are embedded with it first, on all cores. Existing embeddings are kept,
        so switching back is instant.

        Args:
            backbone: a name, an .onnx or .tflite file, or an open one; empty for the default.
            progress: called with the progress.

        Raises:
            BackboneError: the backbone is unknown, missing on this machine, or unusable.
        """
        if isinstance(backbone, str | os.PathLike):
            backbone = load_backbone(backbone or None)
        reembed(self._project, backbone, progress)
        self._project.use_backbone(backbone)

    def compare_backbones(
        self,
        names: Iterable[str | os.PathLike[str]],
        *,
        progress: OnProgress | None = None,
    ) -> dict[str, BackboneComparison]:
        """Compare the accuracy and speed of several backbones on the project's examples.

        See ``evaluate`` for the accuracy.

        Raises:
            InputError: fewer than two classes have examples.
            BackboneError: one of them cannot be opened.
        """
        # Open all of them before the work, so that errors come first.
        backbones = {os.fspath(name): load_backbone(name or None) for name in names}
        found: dict[str, BackboneComparison] = {}
        for name, backbone in backbones.items():
            reembed(self._project, backbone, progress)
            judged = evaluate(self._project.training_set_for(backbone), Settings().head)
            found[name] = BackboneComparison(name, judged, measure(backbone))
        return found

    # --- export

    def export(
        self,
        path: str | os.PathLike[str],
        format: ExportFormat = "zip",  # noqa: A002 - the usual name
        *,
        overwrite: bool = False,
        precision: Precision = "fp32",
        any_size: bool = False,
        smoothing: int = USUAL_SMOOTHING_MS,
        read_only: bool = False,
        embed: bool = False,
        progress: OnProgress | None = None,
    ) -> Path:
        """Export the project; return the path.

        Args:
            path: the file or folder, which appears only when it is complete.
            format: "zip" or "folder": the original images in a folder per class, with metadata from
                which ``import_dataset`` restores the project.
                "onnx": a model from images to probabilities, for other programs and
                ``load_export``.
                "web": a page that needs no server, as a folder, or as a zip if the path ends in
                .zip. "onnx" and "web" are compared with this object before they are written.
                "tfjs-knn": the embeddings, in the format of TF.js's KNN classifier.
            overwrite: whether to replace an existing export.
            precision: of the network in "onnx" and "web": "fp32", "fp16" or "int8".
            any_size: whether the "onnx" model accepts images of any size, and crops them itself.
            smoothing: milliseconds in which a served "onnx" model's answer settles.
            read_only: whether the "web" page predicts, but does not learn.
            embed: whether to add the element for other pages to the "web" page.
            progress: called with the progress.

        Raises:
            InputError: "onnx" or "web", and fewer than two classes have examples.
            OutputError: the path exists or cannot be written.
            SettingError: the format is unknown, or lacks the option.
            ExportDiffersError: the ONNX file or the page would not predict as this object does.
        """
        options = Options(
            precision=precision,
            any_size=any_size,
            smoothing=smoothing,
            read_only=read_only,
            embed=embed,
            overwrite=overwrite,
            progress=progress or (lambda _: None),
        )
        check_options(format, options)
        with take_snapshot(self._project, settle=has_head(format)) as snapshot:
            return write_export(snapshot, Path(path), format, options).path


def _id(example: int | Example) -> int:
    return example.id if isinstance(example, Example) else int(example)


def _item(number: int, label: str | int, image: ImageInput, source: str) -> Item:
    """An image given from Python; its number names it in messages if it has no other name."""
    name = os.fspath(image) if isinstance(image, str | os.PathLike) else f"image {number}"

    def read() -> ImageInput:
        return read_bytes(image)[0] if isinstance(image, str | os.PathLike) else image

    return Item(name=name, label=label, read=read, source=source)
