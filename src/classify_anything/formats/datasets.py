"""Reads datasets: folders and zips with a folder per class, lists, single images, and videos."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath

from classify_anything.errors import ClassifyAnythingError, DatasetError
from classify_anything.formats.items import Dataset, Item, problem
from classify_anything.formats.metadata import (
    CLASSES,
    METADATA_NAMES,
    Facts,
    read_classes,
    read_metadata,
)
from classify_anything.formats.trees import Entry, Tree, file_entry, folder_tree, zip_tree
from classify_anything.formats.video import Frames, is_video, read_frames
from classify_anything.types import Problem

_NO_FACTS = Facts(None, None, None, None, None)


def read_dataset(
    paths: Sequence[Path],
    *,
    label: str | None = None,
    frames: Frames = Frames(),  # noqa: B008 - frozen
    name_loose: bool = True,
) -> Dataset:
    """List what there is to add; images are read later, one by one.

    The class of an image is ``label``, or what a list beside it says, or the folder it lies in, or
    the zip it lies in.

    Args:
        paths: folders, zips, images, videos.
        label: the class of all of them.
        frames: which frames of videos.
        name_loose: whether an image that lies in no sub-folder takes the name of the folder given.

    Raises:
        DatasetError: a path is not there, a zip or a list is damaged, or nothing was found.
    """
    trees = [tree for path in paths for tree in _trees(path, name_loose)]
    readers = [_TreeReader(tree, label, frames) for tree in trees]
    count = sum(len(reader.places) + len(reader.problems) for reader in readers)
    if count == 0:
        raise DatasetError(f"{', '.join(map(str, paths))}: no images in it.")
    endless = any(is_video(entry.path.name) for reader in readers for entry, _ in reader.places)
    return Dataset(
        items=chain.from_iterable(reader.items() for reader in readers),
        total=None if endless else count,
        classes=tuple(chain.from_iterable(reader.classes for reader in readers)),
    )


def _trees(path: Path, name_loose: bool) -> Iterator[Tree]:
    """The tree of a path, and of each zip in it."""
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder.")
    if not path.is_dir():
        yield zip_tree(path) if _is_zip(path.name) else _single(path)
        return
    tree = folder_tree(path)
    zips = [entry for entry in tree.entries if _is_zip(entry.path.name)]
    others = [entry for entry in tree.entries if not _is_zip(entry.path.name)]
    yield Tree(tree.name if name_loose else None, others, tree.problems)
    for entry in zips:
        if entry.on_disk:
            yield zip_tree(entry.on_disk)


def _single(path: Path) -> Tree:
    """A file alone; a video is a class of its own, an image belongs to that of its folder."""
    name = path.stem if is_video(path.name) else path.resolve().parent.name
    return Tree(name, [file_entry(path)], [])


class _TreeReader:
    """The files of one tree with what the lists among them tell."""

    def __init__(self, tree: Tree, label: str | None, frames: Frames) -> None:
        self._label = label
        self._frames = frames
        # Teachable Machine calls the zip of a class so.
        self._root_label = tree.name and re.sub(r"-samples( ?\(\d+\))?$", "", tree.name)
        listed: dict[PurePosixPath, Facts] = {}
        self.classes: tuple[tuple[str, int], ...] = ()
        files = []
        for entry in tree.entries:
            if entry.path.name in METADATA_NAMES:
                listed |= read_metadata(entry)
            elif entry.path.name == CLASSES:
                self.classes += read_classes(entry)
            else:
                files.append(entry)
        by_path: dict[PurePosixPath, list[Entry]] = {}
        for entry in files:
            by_path.setdefault(entry.path, []).append(entry)
        in_order = [entry for path in listed for entry in by_path.get(path, ())]
        in_order += [entry for entry in files if entry.path not in listed]
        self.places = [(entry, listed.get(entry.path, _NO_FACTS)) for entry in in_order]
        self.problems = list(tree.problems)
        for path in listed:
            if path not in by_path:
                text = f"{path}: listed, but not there."
                self.problems.append(Problem(str(path), text, DatasetError.code))

    def items(self) -> Iterator[Item | Problem]:
        """The items in their order, after the problems."""
        yield from self.problems
        for entry, facts in self.places:
            label = self._label or facts.label or entry.path.parent.name or self._root_label
            if label is None:
                error = DatasetError("choose a class for it.")
                yield problem(entry.name, error)
            elif _is_zip(entry.path.name):
                error = DatasetError("a zip in a zip; unpack it and take that.")
                yield problem(entry.name, error)
            elif is_video(entry.path.name):
                yield from self._video(entry, label)
            else:
                yield Item(
                    name=entry.name,
                    label=label,
                    read=entry.read,
                    source=facts.source or "import",
                    recording=facts.recording,
                    created_at=facts.created_at,
                    sha256=facts.sha256,
                )

    def _video(self, entry: Entry, label: str) -> Iterator[Item | Problem]:
        """The frames of a video; they are one recording."""
        try:
            with tempfile.TemporaryDirectory(prefix="classify-anything-") as folder:
                path = entry.on_disk
                if path is None:
                    path = Path(folder, entry.path.name)
                    entry.copy(path)
                size = path.stat().st_size
                for time, data in read_frames(path, self._frames):
                    yield Item(
                        name=f"{entry.name} at {time:.2f} s",
                        label=label,
                        read=partial(bytes, data),
                        source="video",
                        recording=f"video:{entry.name}:{size}",
                    )
        except (ClassifyAnythingError, OSError) as error:
            yield problem(entry.name, error)


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")
