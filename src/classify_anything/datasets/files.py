"""The files of a folder or of a zip, as one kind of tree. Only videos are unpacked to the disk."""

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
_MAX_SWELLING = 10
"""How many times the size of its zip a video may have, unpacked."""
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
"""What ``zipfile`` raises at zips that are damaged, or of a kind that it does not know."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: ``path`` is below the root, ``name`` is for messages, ``read`` gives its bytes.

    ``unpack`` writes it to a file; ``on_disk`` is where it lies, unless it is in a zip.
    """

    path: PurePosixPath
    name: str
    read: Callable[[], bytes]
    unpack: Callable[[Path], object]
    on_disk: Path | None = None

    @property
    def key(self) -> str:
        """Its path as a list beside it writes it; file systems keep accents in several ways."""
        return path_key(self.path)


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a root, 2.png before 10.png, and those that cannot be used.

    ``name`` is the class of images that lie in no sub-folder; with None they have none. After
    ``close`` no entry can be read.
    """

    name: str | None
    entries: list[Entry]
    problems: list[Problem]
    close: Callable[[], None] = lambda: None


def path_key(path: PurePosixPath) -> str:
    """Equal for paths that name the same file."""
    return unicodedata.normalize("NFC", str(path))


def files_below(
    root: Path, left_out: Callable[[Path, Exception], object] = lambda _path, _error: None
) -> Iterator[Path]:
    """The files of a folder and its sub-folders, each folder once, whatever links lead to it.

    Hidden ones and the system's own are passed over; ``left_out`` is told of folders that cannot
    be listed, or are read already.
    """
    seen = {os.path.realpath(root)}

    def is_new(path: Path) -> bool:
        place = os.path.realpath(path)
        if place in seen:
            left_out(path, DatasetError("a link to a folder read already."))
            return False
        seen.add(place)
        return True

    def cannot_list(error: OSError) -> None:
        left_out(Path(error.filename), error)

    for folder, folders, files in os.walk(root, onerror=cannot_list, followlinks=True):
        shown = sorted(name for name in folders if not _IGNORED.search(f"{name}/"))
        folders[:] = [name for name in shown if is_new(Path(folder, name))]
        yield from (Path(folder, file) for file in sorted(files) if not _IGNORED.search(file))


def folder_tree(root: Path) -> Tree:
    """The files of a folder and its sub-folders."""
    problems: list[Problem] = []
    found = files_below(root, lambda path, error: problems.append(problem(str(path), error)))
    entries = [file_entry(path, PurePosixPath(path.relative_to(root).as_posix())) for path in found]
    return Tree(root.resolve().name, _sorted(entries), problems)


def file_entry(path: Path, inside: PurePosixPath | None = None) -> Entry:
    """A file on the disk."""
    return Entry(
        path=PurePosixPath(path.name) if inside is None else inside,
        name=str(path),
        read=lambda: _read_file(path),
        unpack=lambda target: shutil.copyfile(path, target),
        on_disk=path,
    )


def zip_tree(path: Path) -> Tree:
    """The files of a zip.

    Raises:
        DatasetError: it is not one, or its directory is damaged.
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
    room = _MAX_SWELLING * path.stat().st_size
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
    """Raises DatasetError for what is no file, such as a named pipe, and OSError for nothing."""
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
        # What the directory says of the size is only a claim.
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
                    raise DatasetError(f"{name}: over {_MAX_SWELLING} times as large as its zip.")
                file.write(chunk)

    return Entry(PurePosixPath(inside), name, read, unpack)


def _name_in_zip(info: zipfile.ZipInfo) -> str:
    """The name of an entry; where the zip does not say how it is written, UTF-8 is tried first."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        # If it is another code page, letters may be wrong, but the file is there.
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    name = name.replace("\\", "/")
    return re.sub(r"(^|/)(\./)+", r"\1", name)


def _reason_to_refuse(info: zipfile.ZipInfo, inside: str) -> str | None:
    if re.match(r"/|[A-Za-z]:/", inside) or ".." in inside.split("/"):
        return "its name leads out of the zip."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, not a file."
    if not inside:
        return "a file without a name."
    if info.flag_bits & _ENCRYPTED:
        return "locked with a password."
    return None


def _read_file(path: Path) -> bytes:
    check_is_file(path)
    if path.stat().st_size > MAX_BYTES:
        raise _too_large(str(path))
    return path.read_bytes()


def _too_large(name: str) -> DatasetError:
    return DatasetError(f"{name}: larger than {MAX_BYTES // 2**20} MB.")


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
