"""The exceptions of this package::

    ClassifyAnythingError
    ├── InputError                 an invalid argument
    │   ├── ImageError             not an image, damaged, or too large
    │   ├── DatasetError           a dataset that is unreadable or empty
    │   ├── LabelError             a class name that is empty, too long or taken
    │   ├── EmbeddingError         zero, not finite, or of another dimension
    │   ├── InvalidMessageError    a frame or request that does not follow the protocol
    │   ├── TooLargeError          a request over the size limit
    │   └── SettingError           an option with an invalid value
    ├── NotFoundError              no such class, example, recording or page
    ├── ConflictError              something else has changed since
    ├── NothingToUndoError         the journal has nothing to undo or redo
    ├── BackboneError              a backbone that is missing or invalid
    │   ├── DamagedBackboneError   a file without a runnable graph
    │   └── DownloadError          a backbone that cannot be downloaded or stored
    ├── StoreError                 the project file cannot be read or written
    │   ├── NotAProjectError       a file that is not a project
    │   ├── StoreTooNewError       made by a newer version of this package
    │   ├── StoreReadOnlyError     the file or its folder is not writable
    │   └── StoreFullError         no space left on the disk
    ├── OutputError                an export that cannot be written, or would overwrite a file
    ├── ExportError                an export that is missing, damaged, or made by a newer version
    ├── ExportDiffersError         an export whose predictions differ from the project's
    ├── FrozenError                a change to an export, which only predicts
    ├── MissingExtraError          an optional dependency that is not installed
    ├── AccessError                a foreign page or host, or a wrong token
    ├── AddressError               the server cannot listen on that address
    └── BuildError                 the page or the default backbone is not built

Each class has a ``code``, used over the socket, over HTTP and in ``docs/errors.md``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ClassifyAnythingError(Exception):
    """Base of all errors of this package; its text is one line for users."""

    code = "error"


class InputError(ClassifyAnythingError, ValueError):
    code = "bad_input"


class ImageError(InputError):
    code = "bad_image"


class DatasetError(InputError):
    code = "bad_dataset"


class LabelError(InputError):
    code = "bad_label"


class EmbeddingError(InputError):
    code = "bad_embedding"


class InvalidMessageError(InputError):
    code = "bad_message"


class TooLargeError(InputError):
    code = "too_large"


class SettingError(InputError):
    code = "bad_setting"


class NotFoundError(ClassifyAnythingError, LookupError):
    code = "not_found"


class ConflictError(ClassifyAnythingError):
    code = "conflict"


class NothingToUndoError(ClassifyAnythingError):
    code = "nothing_to_undo"


class BackboneError(ClassifyAnythingError):
    code = "bad_backbone"


class DamagedBackboneError(BackboneError):
    code = "damaged_backbone"


class DownloadError(BackboneError):
    code = "download"


class StoreError(ClassifyAnythingError):
    code = "store"


class NotAProjectError(StoreError):
    code = "not_a_project"


class StoreTooNewError(StoreError):
    code = "store_too_new"


class StoreReadOnlyError(StoreError):
    code = "store_read_only"


class StoreFullError(StoreError):
    code = "store_full"


class OutputError(ClassifyAnythingError):
    code = "output"


class ExportError(ClassifyAnythingError):
    code = "bad_export"


class ExportDiffersError(ClassifyAnythingError):
    code = "export_differs"


class ReadOnlyError(ClassifyAnythingError):
    code = "read_only"


class MissingExtraError(ClassifyAnythingError):
    code = "missing_extra"


class AccessError(ClassifyAnythingError):
    code = "access_denied"


class AddressError(ClassifyAnythingError):
    code = "address"


class BuildError(ClassifyAnythingError):
    code = "not_built"


def no_such_class(name: str, names: Iterable[str]) -> NotFoundError:
    """Return an error that lists the classes and suggests a similar name."""
    names = list(names)
    listed = ", ".join(repr(known) for known in names[:10]) + (", …" if len(names) > 10 else "")
    message = f"No class named {name!r}. Classes: {listed or 'none yet'}."
    close = difflib.get_close_matches(name, names, n=1)
    return NotFoundError(f"{message} Did you mean {close[0]!r}?" if close else message)
