"""Read the inputs and outputs of a .tflite file from its flatbuffer, and truncate the network.

Truncating changes two numbers in a copy: the output tensor, and the number of operators. Everything
else stays in place, so the weights stay aligned.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from classify_anything.backbones.model_spec import IMAGENET_CLASSES
from classify_anything.errors import BackboneError

_AFTER_SCORES = ("SOFTMAX", "LOG_SOFTMAX", "LOGISTIC")
_ALONG = ("RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE", "CAST", *_AFTER_SCORES)
"""Operators between a classifier's last layer and its output."""

_OUTPUTS, _OPERATORS = 8, 10
"""The positions of these fields in a subgraph's table."""


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator with the numbers of its tensors; ``kind`` is its name in the schema."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    shape: tuple[int, ...]


class TFLiteGraph:
    """The first subgraph of a .tflite file.

    Raises:
        BackboneError: it is not a .tflite file.
    """

    def __init__(self, data: bytes) -> None:
        # Part of ai-edge-litert, like the interpreter.
        from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 - an extra

        if data[4:8] != b"TFL3":
            raise BackboneError("not a .tflite network.")
        self._data = data
        try:
            model = schema.Model.GetRootAs(data, 0)
            self._graph = model.Subgraphs(0)
            self.inputs = _numbers(self._graph.InputsAsNumpy())
            self.outputs = _numbers(self._graph.OutputsAsNumpy())
            kinds = {
                number: name
                for name, number in vars(schema.BuiltinOperator).items()
                if isinstance(number, int)
            }
            codes = [
                kinds.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "?")
                for code in map(model.OperatorCodes, range(model.OperatorCodesLength()))
            ]
            self.tensors = [
                _tensor(self._graph.Tensors(number))
                for number in range(self._graph.TensorsLength())
            ]
            self.operators = [
                _operator(self._graph.Operators(number), codes)
                for number in range(self._graph.OperatorsLength())
            ]
        except (struct.error, IndexError, ValueError, AttributeError, TypeError) as error:
            raise BackboneError("a damaged .tflite network.") from error

    def features(self, wanted: str | int | None) -> int:
        """Return the wanted tensor, or else the output, or the input of a classifier's last layer.

        Raises:
            BackboneError: the tensor is unknown, or the output is ambiguous.
        """
        if wanted is not None:
            return self._named(wanted)
        if len(self.outputs) != 1:
            names = ", ".join(self.tensors[number].name for number in self.outputs)
            raise BackboneError(
                f"has {len(self.outputs)} outputs ({names}); "
                "set `output` in a .toml beside it to one of them."
            )
        return self._before_classifier(self.outputs[0])

    def cut(self, tensor: int) -> bytes:
        """Return the network truncated after this tensor, its only output."""
        last = next(n for n, one in enumerate(self.operators) if tensor in one.outputs)
        data = bytearray(self._data)
        for field, count in ((_OUTPUTS, 1), (_OPERATORS, last + 1)):
            start = self._vector(field)
            struct.pack_into("<I", data, start - 4, count)
            if field == _OUTPUTS:
                struct.pack_into("<i", data, start, tensor)
        return bytes(data)

    def _vector(self, field: int) -> int:
        """Return the offset of the elements of a subgraph's vector; its length precedes them."""
        table = self._graph._tab  # noqa: SLF001 - as the generated code reads it
        return int(table.Vector(table.Offset(field)))

    def _named(self, wanted: str | int) -> int:
        made = {n: self.tensors[n].name for one in self.operators for n in one.outputs}
        for number, name in made.items():
            if wanted in (number, name):
                return number
        raise BackboneError(f"unknown tensor '{wanted}'. The last is '{[*made.values()][-1]}'.")

    def _before_classifier(self, output: int) -> int:
        """Return the input of a classifier's last layer; for any other network, its output."""
        producers = {number: one for one in self.operators for number in one.outputs}
        shape, tensor, scores = self.tensors[output].shape, output, False
        step = None
        for _ in self.operators:
            step = producers.get(tensor)
            if step is None or step.kind not in _ALONG:
                break
            scores = scores or step.kind in _AFTER_SCORES
            tensor = step.inputs[0]
        is_classifier = scores or (bool(shape) and shape[-1] in IMAGENET_CLASSES)
        if is_classifier and step is not None and self._is_dense(step):
            return step.inputs[0]
        return output

    def _is_dense(self, step: Operator) -> bool:
        if step.kind == "CONV_2D":
            return self.tensors[step.inputs[0]].shape[1:3] == (1, 1)
        return step.kind == "FULLY_CONNECTED"


def _numbers(vector: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in vector)


def _tensor(tensor: Any) -> Tensor:
    shape = tensor.ShapeAsNumpy()
    name = (tensor.Name() or b"").decode(errors="replace")
    return Tensor(name, () if isinstance(shape, int) else _numbers(shape))


def _operator(operator: Any, codes: list[str]) -> Operator:
    inputs, outputs = operator.InputsAsNumpy(), operator.OutputsAsNumpy()
    return Operator(codes[operator.OpcodeIndex()], _numbers(inputs), _numbers(outputs))
