"""The files of a folder or of a zip, as one kind of tree. Nothing is ever unpacked to the disk."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from classify_anything.errors import DatasetError
from classify_anything.formats.items import problem
from classify_anything.images import MAX_BYTES
from classify_anything.types import Problem

_IGNORED = re.compile(r"(^|/)(\.|__MACOSX/|Thumbs\.db$|desktop\.ini$)")
_NUMBER = re.compile(r"(\d+)")
_ENCRYPTED, _UTF8 = 0x1, 0x800
_COPY_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: ``path`` is below the root, ``read`` gives its bytes, ``copy`` writes them.

    ``on_disk`` is where it lies, unless it is in a zip.
    """

    path: PurePosixPath
    name: str
    read: Callable[[], bytes]
    copy: Callable[[Path], None]
    on_disk: Path | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a root, 2.png before 10.png, and those that cannot be used.

    ``name`` is the class of images that lie in no sub-folder; with None they have none.
    """

    name: str | None
    entries: list[Entry]
    problems: list[Problem]


def folder_tree(root: Path) -> Tree:
    """The files of a folder and its sub-folders. Raises DatasetError if it cannot be listed."""
    entries, problems = [], []

    def cannot_list(error: OSError) -> None:
        problems.append(problem(str(error.filename), error))

    for folder, folders, files in os.walk(root, onerror=cannot_list):
        folders[:] = sorted(name for name in folders if not _IGNORED.search(name + "/"))
        for file in files:
            path = Path(folder, file)
            inside = PurePosixPath(path.relative_to(root).as_posix())
            if not _IGNORED.search(str(inside)):
                entries.append(file_entry(path, inside))
    return Tree(root.resolve().name, _sorted(entries), problems)


def file_entry(path: Path, inside: PurePosixPath | None = None) -> Entry:
    """A file on the disk."""
    return Entry(
        path=PurePosixPath(path.name) if inside is None else inside,
        name=str(path),
        read=lambda: _read_file(path),
        copy=lambda target: _copy_file(path, target),
        on_disk=path,
    )


def zip_tree(path: Path) -> Tree:
    """The files of a zip. Raises DatasetError if it is not one, or its directory is damaged."""
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DatasetError(f"{path}: not a zip, or damaged ({error}).") from error
    entries, problems = [], []
    for info in archive.infolist():
        inside = _name_in_zip(info)
        if info.is_dir() or inside.endswith("/"):
            continue
        name = f"{path}/{inside}"
        reason = _reason_to_refuse(info, inside)
        if reason:
            problems.append(Problem(name, f"{name}: {reason}", DatasetError.code))
        elif not _IGNORED.search(inside):
            entries.append(_zip_entry(archive, info, inside, name))
    return Tree(path.stem, _sorted(entries), problems)


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, inside: str, name: str) -> Entry:
    def chunks() -> Iterator[bytes]:
        try:
            with archive.open(info) as file:
                while chunk := file.read(_COPY_BYTES):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise DatasetError(f"{name}: damaged ({error}).") from error

    def read() -> bytes:
        # What the directory says of the size is only a claim.
        data = bytearray()
        for chunk in chunks():
            data += chunk
            if len(data) > MAX_BYTES:
                raise _too_large(name)
        return bytes(data)

    def copy(target: Path) -> None:
        with target.open("wb") as file:
            for chunk in chunks():
                file.write(chunk)

    return Entry(PurePosixPath(inside), name, read, copy)


def _name_in_zip(info: zipfile.ZipInfo) -> str:
    """The name of an entry; where the zip does not say how it is written, UTF-8 is tried first."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        # If it is another code page, letters may be wrong, but the file is there.
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _reason_to_refuse(info: zipfile.ZipInfo, inside: str) -> str | None:
    if inside.startswith("/") or re.match(r"[A-Za-z]:", inside) or ".." in inside.split("/"):
        return "its name leads out of the zip."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, not a file."
    if info.flag_bits & _ENCRYPTED:
        return "locked with a password."
    return None


def _read_file(path: Path) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DatasetError(f"{path}: not a file.")
    if status.st_size > MAX_BYTES:
        raise _too_large(str(path))
    return path.read_bytes()


def _copy_file(path: Path, target: Path) -> None:
    shutil.copyfile(path, target)


def _too_large(name: str) -> DatasetError:
    return DatasetError(f"{name}: larger than {MAX_BYTES // 2**20} MB.")


def _sorted(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: _natural(str(entry.path)))


def _natural(text: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers by their value."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold())
        for part in _NUMBER.split(text)
        if part
    ]
