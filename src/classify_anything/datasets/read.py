"""Read datasets: folders and zips with a folder per class, metadata files, images and videos."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from classify_anything.datasets.files import (
    Entry,
    Tree,
    check_is_file,
    file_entry,
    folder_tree,
    zip_tree,
)
from classify_anything.datasets.items import Dataset, Item, printable, problem
from classify_anything.datasets.metadata import (
    CLASSES,
    METADATA_NAMES,
    ImageMetadata,
    read_classes,
    read_metadata,
)
from classify_anything.datasets.video import Frames, is_video, read_frames
from classify_anything.errors import ClassifyAnythingError, DatasetError
from classify_anything.types import Problem

_NO_METADATA = ImageMetadata(None, None, None, None, None)


def read_dataset(
    paths: Sequence[Path],
    *,
    label: str | None = None,
    frames: Frames = Frames(),  # noqa: B008 - frozen
    name_loose: bool = True,
) -> Dataset:
    """List the items to add; images are read later, one by one.

    The class of an image is ``label``, or else from the metadata file, or else the name of its
    folder or zip.

    Args:
        paths: folders, zips, images, videos.
        label: the class of all items.
        frames: the frames to extract from videos.
        name_loose: whether images in no sub-folder get the name of the given folder.

    Raises:
        DatasetError: a path is missing, a zip or metadata file is damaged, or there are no images.
    """
    try:
        trees = [tree for path in paths for tree in _trees(path, name_loose)]
        readers = [_TreeReader(tree, label, frames) for tree in trees]
    except OSError as error:
        raise DatasetError(f"{error.filename}: {error.strerror or error}.") from error
    count = sum(len(reader.places) + len(reader.problems) for reader in readers)
    if count == 0:
        raise DatasetError(f"{', '.join(map(str, paths)) or 'No path'}: no images in it.")
    has_videos = any(is_video(entry.path.name) for reader in readers for entry, _ in reader.places)

    def all_items() -> Generator[Item | Problem]:
        for reader in readers:
            yield from reader.items()

    items = all_items()

    def close() -> None:
        items.close()
        for tree in trees:
            tree.close()

    return Dataset(
        items=items,
        total=None if has_videos else count,
        classes=tuple(chain.from_iterable(reader.classes for reader in readers)),
        close=close,
    )


def _trees(path: Path, name_loose: bool) -> list[Tree]:
    """Return the tree of a path, and of each zip in it."""
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder.")
    if not path.is_dir():
        return [zip_tree(path) if _is_zip(path.name) else _single(path)]
    tree = folder_tree(path)
    files, zips, problems = [], [], list(tree.problems)
    for entry in tree.entries:
        if not _is_zip(entry.path.name):
            files.append(entry)
            continue
        try:
            zips.append(zip_tree(path / entry.path))
        except (DatasetError, OSError) as error:
            problems.append(problem(entry.name, error))
    return [Tree(tree.name if name_loose else None, files, problems), *zips]


def _single(path: Path) -> Tree:
    """Return the tree of one file, whose class is a video's name or an image's folder."""
    name = path.stem if is_video(path.name) else path.resolve().parent.name
    return Tree(name, [file_entry(path)], [])


class _TreeReader:
    """The files of one tree, with their metadata."""

    def __init__(self, tree: Tree, label: str | None, frames: Frames) -> None:
        self._label = label
        self._frames = frames
        # Teachable Machine names the zip of a class "mug-samples.zip".
        self._root_label = tree.name and re.sub(r"-samples( ?\(\d+\))?$", "", tree.name)
        listed: dict[str, ImageMetadata] = {}
        self.classes: tuple[tuple[str, int], ...] = ()
        files = []
        self.problems = list(tree.problems)
        for entry in tree.entries:
            if entry.path.name in METADATA_NAMES:
                metadata = read_metadata(entry)
                if metadata is None:
                    foreign = DatasetError("has no column file_name; ignored.")
                    self.problems.append(problem(entry.name, foreign))
                listed |= metadata or {}
            elif entry.path.name == CLASSES:
                self.classes += read_classes(entry)
            else:
                files.append(entry)
        by_key: dict[str, list[Entry]] = {}
        for entry in files:
            by_key.setdefault(entry.key, []).append(entry)
        in_order = [entry for key in listed for entry in by_key.get(key, ())]
        in_order += [entry for entry in files if entry.key not in listed]
        self.places = [(entry, listed.get(entry.key, _NO_METADATA)) for entry in in_order]
        missing = DatasetError("listed, but missing.")
        self.problems += [problem(key, missing) for key in listed if key not in by_key]

    def items(self) -> Iterator[Item | Problem]:
        """Yield the problems, then the items in order."""
        yield from self.problems
        for entry, metadata in self.places:
            label = self._label or metadata.label or entry.path.parent.name or self._root_label
            if label is None:
                error = DatasetError("choose a class for it.")
                yield problem(entry.name, error)
            elif _is_zip(entry.path.name):
                error = DatasetError("nested zip files are not supported; extract it first.")
                yield problem(entry.name, error)
            elif is_video(entry.path.name):
                yield from self._video(entry, label)
            else:
                yield Item(
                    name=entry.name,
                    label=label,
                    read=entry.read,
                    source=metadata.source or "import",
                    recording=metadata.recording,
                    created_at=metadata.created_at,
                    sha256=metadata.sha256,
                )

    def _video(self, entry: Entry, label: str) -> Iterator[Item | Problem]:
        """Yield the frames of a video as one recording."""
        known_as = entry.name
        try:
            with _on_disk(entry) as path:
                known_as = str(path)
                check_is_file(path)
                size = path.stat().st_size
                for time, data in read_frames(path, self._frames):
                    yield Item(
                        name=f"{entry.name} at {time:.2f} s",
                        label=label,
                        read=partial(bytes, data),
                        source="video",
                        recording=printable(f"video:{entry.name}:{size}"),
                    )
        except (ClassifyAnythingError, OSError) as error:
            yield problem(entry.name, error, known_as)


@contextlib.contextmanager
def _on_disk(entry: Entry) -> Iterator[Path]:
    """Yield the path of an entry, temporarily extracted from a zip if necessary."""
    if entry.on_disk:
        yield entry.on_disk
        return
    with tempfile.TemporaryDirectory(prefix="classify-anything-") as folder:
        path = Path(folder, f"file{entry.path.suffix}")
        entry.unpack(path)
        yield path


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")
