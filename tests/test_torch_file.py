"""The reader of torch's old format takes a state dict, and nothing else."""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify_anything.compiler.torch_file import read_state_dict
from classify_anything.errors import BackboneError

MAGIC = 0x1950A86A20F9469CFC6C


class _Name:
    """Pickles as a bare global, as torch's own functions and classes do."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Pickler(pickle._Pickler):  # type: ignore[name-defined] # the one written in Python
    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Name):
            self.write(b"c" + obj.module.encode() + b"\n" + obj.name.encode() + b"\n")
        elif isinstance(obj, Tensor):
            self.save(_Name("torch._utils", "_rebuild_tensor_v2"))
            self.write(b"(")
            kind = _Name("torch", {"f": "FloatStorage", "i": "LongStorage"}[obj.values.dtype.kind])
            self.save(("storage", kind, obj.key, "cpu", obj.values.size))
            self.write(b"Q")  # BINPERSID
            for part in (obj.offset, obj.shape, obj.strides, False, OrderedDict()):
                self.save(part)
            self.write(b"tR")
        else:
            super().save(obj, save_persistent_id)


class Tensor:
    def __init__(self, key: str, values: np.ndarray, **changes: Any) -> None:
        self.key, self.values = key, values
        self.offset = changes.get("offset", 0)
        self.shape = changes.get("shape", values.shape)
        default = tuple(stride // values.itemsize for stride in values.strides)
        self.strides = changes.get("strides", default)


def torch_file(path: Path, state: dict[str, Any], protocol: int = 1001, cut: int = 0) -> Path:
    """Write a state dict as ``torch.save`` did before version 1.6."""
    file = io.BytesIO()
    tensors = [value for value in state.values() if isinstance(value, Tensor)]
    keys = list(dict.fromkeys(tensor.key for tensor in tensors))
    for part in (MAGIC, protocol, {"little_endian": True}, OrderedDict(state), keys):
        _Pickler(file, protocol=2).dump(part)
    for key in keys:
        values = next(tensor.values for tensor in tensors if tensor.key == key)
        file.write(struct.pack("<q", values.size) + np.ascontiguousarray(values).tobytes())
    data = file.getvalue()
    path.write_bytes(data[: len(data) - cut])
    return path


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    floats = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    count = np.array(7, dtype=np.int64)
    path = torch_file(tmp_path / "w.pth", {"a": Tensor("0", floats), "n": Tensor("1", count)})
    state = read_state_dict(path)
    np.testing.assert_array_equal(state["a"], floats)
    assert state["n"].dtype == np.int64
    assert state["n"] == 7


def test_a_transposed_view_of_a_shared_storage_comes_back(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32)
    view = Tensor("0", values, offset=2, shape=(2, 3), strides=(1, 2))
    state = read_state_dict(torch_file(tmp_path / "w.pth", {"v": view}))
    np.testing.assert_array_equal(state["v"], [[2, 4, 6], [3, 5, 7]])


class _Attack:
    def __reduce__(self) -> Any:
        return os.system, ("touch hacked",)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"a": _Attack()}, "refused"),
        ({"a": _Name("builtins", "eval")}, "refused"),
        ({"a": Tensor("0", np.zeros(4, np.float32), offset=2)}, "outside its storage"),
        ({"a": Tensor("0", np.zeros(4, np.float32), shape=(9,), strides=(1,))}, "outside"),
        ({"a": Tensor("0", np.zeros(4, np.float32), strides=(-1,))}, "invalid shape"),
        ({"a": Tensor("0", np.zeros(4, np.float32), offset=-1)}, "invalid shape"),
        ({"a": "no tensor"}, "not a weights file"),
    ],
    ids=["reduce", "global", "offset", "shape", "stride", "negative", "text"],
)
def test_anything_but_tensors_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BackboneError, match=says):
        read_state_dict(torch_file(tmp_path / "w.pth", state))
    assert not (tmp_path / "hacked").exists()


def test_a_cut_or_foreign_file_is_refused(tmp_path: Path) -> None:
    tensor = {"a": Tensor("0", np.zeros(100, np.float32))}
    with pytest.raises(BackboneError, match="truncated"):
        read_state_dict(torch_file(tmp_path / "cut.pth", tensor, cut=8))
    with pytest.raises(BackboneError, match="protocol 1001"):
        read_state_dict(torch_file(tmp_path / "new.pth", tensor, protocol=1002))
    for name, data in {"zip": b"PK\3\4 a newer file", "empty": b"", "text": b"hello"}.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(BackboneError):
            read_state_dict(path)
    with pytest.raises(BackboneError):
        read_state_dict(tmp_path / "missing.pth")
