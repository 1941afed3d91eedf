"""Read a state dict from the old (not zip) torch file format, without torch.

The file consists of five pickles (a magic number, the protocol version 1001, the system's sizes,
the state dict with its storages as persistent ids, the list of storage keys), then for each key, in
that order, a little-endian int64 count and the raw values. See ``_legacy_save`` in
``torch/serialization.py``.

A pickle can run any code, so this unpickler refuses all names but the few of a state dict.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from classify_anything.errors import BackboneError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class _Tensor:
    """A view into a storage whose values follow later in the file."""

    key: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: tuple[str, np.dtype[Any]],
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: object,
) -> _Tensor:
    key, dtype = storage
    return _Tensor(key, dtype, offset, tuple(shape), tuple(strides))


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
}


class _StateDictUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise BackboneError(f"The weights file refers to {module}.{name}; refused.") from None

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype[Any]]:
        match pid:
            case ("storage", np.dtype() as dtype, str(key), str(), int(), *_):
                return key, dtype
        raise BackboneError("The weights file refers to something that is not a storage; refused.")


def read_state_dict(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read name → float32 or int64 array.

    Raises:
        BackboneError: the file has another format, is damaged, or contains anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (
        OSError,
        EOFError,
        pickle.UnpicklingError,
        struct.error,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
    ) as error:  # what pickle raises on damaged input
        raise BackboneError(f"{path.name}: not a weights file, or damaged ({error}).") from error


def _read(file: BinaryIO) -> dict[str, npt.NDArray[Any]]:
    def load() -> Any:
        return _StateDictUnpickler(file).load()

    if load() != _MAGIC or load() != _PROTOCOL:
        raise BackboneError("The weights file is not in the old torch format, protocol 1001.")
    if not load().get("little_endian"):
        raise BackboneError("Big-endian weights files are not supported.")
    tensors, keys = load(), load()
    dtypes = {tensor.key: tensor.dtype for tensor in tensors.values()}
    storages = {key: _read_storage(file, dtypes[key]) for key in keys}
    return {name: _view(tensor, storages[tensor.key]) for name, tensor in tensors.items()}


def _read_storage(file: BinaryIO, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    data = file.read(count * dtype.itemsize) if count >= 0 else b""
    if len(data) != count * dtype.itemsize:
        raise BackboneError("The weights file is truncated.")
    return np.frombuffer(data, dtype)


def _view(tensor: _Tensor, storage: npt.NDArray[Any]) -> npt.NDArray[Any]:
    sizes = list(zip(tensor.shape, tensor.strides, strict=True))
    last = tensor.offset + sum((count - 1) * stride for count, stride in sizes)
    if tensor.offset < 0 or any(count < 1 or stride < 0 for count, stride in sizes):
        raise BackboneError("The weights file has a tensor with an invalid shape.")
    if last >= len(storage):
        raise BackboneError("The weights file has a tensor outside its storage.")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides)
