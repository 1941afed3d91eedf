"""List the files of a folder or a zip as a tree. Only videos are extracted to disk."""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from classify_anything.datasets.items import problem
from classify_anything.errors import DatasetError
from classify_anything.images import MAX_BYTES
from classify_anything.types import Problem

_IGNORED = re.compile(r"(^|/)(\.|__MACOSX/|Thumbs\.db$|desktop\.ini$)")
_NUMBER = re.compile(r"(\d+)")
_ENCRYPTED, _UTF8 = 0x1, 0x800
_COPY_BYTES = 2**20
_MAX_EXPANSION = 10
"""Maximum size of an extracted video, as a multiple of its zip."""
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # also NotImplementedError
    ValueError,
)
"""What ``zipfile`` raises for damaged or unsupported zips."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file.

    Attributes:
        path: relative to the root.
        name: for messages.
        read: returns its bytes.
        unpack: writes it to a file.
        on_disk: its path, unless it is in a zip.
    """

    path: PurePosixPath
    name: str
    read: Callable[[], bytes]
    unpack: Callable[[Path], object]
    on_disk: Path | None = None

    @property
    def key(self) -> str:
        """Its path in Unicode NFC: file systems encode accents in several ways."""
        return path_key(self.path)


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a root, 2.png before 10.png, and the problems found.

    ``name`` is the class of images in no sub-folder, if any. Call ``close`` after the last read.
    """

    name: str | None
    entries: list[Entry]
    problems: list[Problem]
    close: Callable[[], None] = lambda: None


def path_key(path: PurePosixPath) -> str:
    """Return a key that is equal for paths of the same file."""
    return unicodedata.normalize("NFC", str(path))


def files_below(
    root: Path, on_skip: Callable[[Path, Exception], object] = lambda _path, _error: None
) -> Iterator[Path]:
    """Yield the files of a folder and its sub-folders, each folder once, following links.

    Skips hidden and system files; calls ``on_skip`` for folders that cannot be listed, or were
    listed already.
    """
    seen = {os.path.realpath(root)}

    def is_new(path: Path) -> bool:
        place = os.path.realpath(path)
        if place in seen:
            on_skip(path, DatasetError("a link to a folder listed already."))
            return False
        seen.add(place)
        return True

    def cannot_list(error: OSError) -> None:
        on_skip(Path(error.filename), error)

    for folder, folders, files in os.walk(root, onerror=cannot_list, followlinks=True):
        shown = sorted(name for name in folders if not _IGNORED.search(f"{name}/"))
        folders[:] = [name for name in shown if is_new(Path(folder, name))]
        yield from (Path(folder, file) for file in sorted(files) if not _IGNORED.search(file))


def folder_tree(root: Path) -> Tree:
    """Return the files of a folder and its sub-folders."""
    problems: list[Problem] = []
    found = files_below(root, lambda path, error: problems.append(problem(str(path), error)))
    entries = [file_entry(path, PurePosixPath(path.relative_to(root).as_posix())) for path in found]
    return Tree(root.resolve().name, _sorted(entries), problems)


def file_entry(path: Path, inside: PurePosixPath | None = None) -> Entry:
    return Entry(
        path=PurePosixPath(path.name) if inside is None else inside,
        name=str(path),
        read=lambda: _read_file(path),
        unpack=lambda target: shutil.copyfile(path, target),
        on_disk=path,
    )


def zip_tree(path: Path) -> Tree:
    """Return the files of a zip.

    Raises:
        DatasetError: it is not a zip, or its directory is damaged.
        OSError: it cannot be read.
    """
    check_is_file(path)
    try:
        archive = zipfile.ZipFile(path)
    except PermissionError:
        raise
    except _DAMAGED as error:
        raise DatasetError(f"{path}: not a zip, or damaged ({error}).") from error
    entries, problems = [], []
    room = _MAX_EXPANSION * path.stat().st_size
    for info in archive.infolist():
        inside = _name_in_zip(info)
        if inside.endswith("/"):
            continue
        name = f"{path}/{inside}"
        reason = _reason_to_refuse(info, inside)
        if reason:
            problems.append(problem(name, DatasetError(reason)))
        elif not _IGNORED.search(inside):
            entries.append(_zip_entry(archive, info, inside, name, room))
    return Tree(path.stem, _sorted(entries), problems, archive.close)


def check_is_file(path: Path) -> None:
    """Raise DatasetError unless it is a regular file, and OSError if it is missing."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise DatasetError(f"{path}: not a file.")


def _zip_entry(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, inside: str, name: str, room: int
) -> Entry:
    def chunks() -> Iterator[bytes]:
        try:
            with archive.open(info) as file:
                while chunk := file.read(_COPY_BYTES):
                    yield chunk
        except _DAMAGED as error:
            raise DatasetError(f"{name}: damaged ({error}).") from error

    def read() -> bytes:
        # The size in the directory may be wrong.
        data = bytearray()
        for chunk in chunks():
            data += chunk
            if len(data) > MAX_BYTES:
                raise _too_large(name)
        return bytes(data)

    def unpack(target: Path) -> None:
        with target.open("wb") as file:
            for chunk in chunks():
                if file.tell() + len(chunk) > room:
                    raise DatasetError(
                        f"{name}: exceeds {_MAX_EXPANSION} times the size of its zip."
                    )
                file.write(chunk)

    return Entry(PurePosixPath(inside), name, read, unpack)


def _name_in_zip(info: zipfile.ZipInfo) -> str:
    """Return the name of an entry, trying UTF-8 first if the zip declares no encoding."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        # In another code page, letters may be wrong, but the file is found.
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    name = name.replace("\\", "/")
    return re.sub(r"(^|/)(\./)+", r"\1", name)


def _reason_to_refuse(info: zipfile.ZipInfo, inside: str) -> str | None:
    if re.match(r"/|[A-Za-z]:/", inside) or ".." in inside.split("/"):
        return "its path leads out of the zip."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, not a file."
    if not inside:
        return "has no name."
    if info.flag_bits & _ENCRYPTED:
        return "encrypted zips are not supported; extract it first."
    return None


def _read_file(path: Path) -> bytes:
    check_is_file(path)
    if path.stat().st_size > MAX_BYTES:
        raise _too_large(str(path))
    return path.read_bytes()


def _too_large(name: str) -> DatasetError:
    return DatasetError(f"{name}: exceeds the limit of {MAX_BYTES // 2**20} MB.")


def _sorted(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: _natural(str(entry.path)))


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers by value.

    Not natsort: it raises TypeError at a number of more than 4,300 digits, which a zip may hold.
    """
    return [
        (0, len(part.lstrip("0")), part.lstrip("0"))
        if part.isdecimal()
        else (1, 0, part.casefold())
        for part in _NUMBER.split(text)
        if part
    ]
