"""A real .tflite network that is tiny: the mean colour of each square of a grid.

It may go on as a classifier: a fully connected layer, and its scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.tiny import DIMENSION, GRID, SIZE

CELL = SIZE // GRID
CLASSES = 5

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "uint8": schema.TensorType.UINT8,
    "int8": schema.TensorType.INT8,
}


@dataclass
class _Network:
    """Grows a network operator by operator; each takes and gives tensor numbers."""

    kind: str

    def __post_init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.operatorCodes = []
        self.model.buffers = [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self, name: str, shape: list[int], scale: float = 0, zero: int = 0, data: object = None
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name, shape
        tensor.type = _TYPES[self.kind]
        if isinstance(data, np.ndarray):
            if data.dtype == np.int32:
                tensor.type = schema.TensorType.INT32
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if scale and self.kind != "float32":
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [scale]
            tensor.quantization.zeroPoint = [zero]
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, kind: str, inputs: list[int], output: int, options: object) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = 1 if self.kind != "int8" else 4 if kind == "FULLY_CONNECTED" else 2
        if kind == "RESHAPE":
            code.version = 1
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [output]
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = options
        self.graph.operators.append(operator)
        return output

    def sign(self) -> None:
        """Name inputs and outputs as TensorFlow does."""
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = (
            [self._map(number) for number in numbers]
            for numbers in (self.graph.inputs, self.graph.outputs)
        )
        self.model.signatureDefs = [signature]

    def _map(self, number: int) -> schema.TensorMapT:
        tensor = schema.TensorMapT()
        tensor.name, tensor.tensorIndex = self.graph.tensors[number].name, number
        return tensor

    def bytes(self) -> bytes:
        builder = flatbuffers.Builder(0)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def write_network(
    path: Path,
    kind: str = "float32",
    *,
    scale: float = 1 / 128,
    zero: int = 128,
    classifier: bool = False,
    outputs: int = 1,
    channels: int = 3,
    flat: tuple[int, ...] = (1, DIMENSION),
) -> Path:
    """Write [1, 32, 32, 3] → the map of cells [1, 4, 4, 3] → flat, [1, 48], or scores [1, 5].

    ``scale`` and ``zero`` are of the image and of the cells, where the kind is quantised.
    """
    net = _Network(kind)
    zero = zero - 128 if kind == "int8" else zero
    image = net.tensor("image", [1, SIZE, SIZE, channels], scale, zero)
    cells = net.tensor("cells", [1, GRID, GRID, channels], scale, zero)
    pool = schema.Pool2DOptionsT()
    pool.strideW = pool.strideH = pool.filterWidth = pool.filterHeight = CELL
    pool.padding = schema.Padding.VALID
    net.operator("AVERAGE_POOL_2D", [image], cells, pool)
    shape = net.tensor("shape", [len(flat)], data=np.array(flat, np.int32))
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = list(flat)
    rows = net.tensor("flat", list(flat), scale, zero)
    last = net.operator("RESHAPE", [cells, shape], rows, reshape)
    if classifier:
        kernel = np.random.default_rng(0).integers(0, 100, (CLASSES, DIMENSION))
        weights = net.tensor(
            "weights", [CLASSES, DIMENSION], 0.01, 0, data=kernel.astype(np.dtype(kind))
        )
        logits = net.tensor("logits", [1, CLASSES], 1.0, 0)
        net.operator(
            "FULLY_CONNECTED", [last, weights, -1], logits, schema.FullyConnectedOptionsT()
        )
        softmax = schema.SoftmaxOptionsT()
        softmax.beta = 1.0
        scores = net.tensor("scores", [1, CLASSES], 1 / 256, -128 if kind == "int8" else 0)
        last = net.operator("SOFTMAX", [logits], scores, softmax)
    net.graph.inputs = [image]
    net.graph.outputs = [last, cells][:outputs]
    net.sign()
    path.write_bytes(net.bytes())
    return path


def write_mobile(path: Path) -> Path:
    """Write [1, 32, 32, 3] → a standard convolution, a separable one, and their mean, [1, 24]."""
    net = _Network("float32")
    image = net.tensor("image", [1, SIZE, SIZE, 3])

    def weights(name: str, *shape: int) -> int:
        numbers = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        return net.tensor(name, list(shape), data=numbers)

    def convolved(kind: str, source: int, kernel: int, filters: int, size: int) -> int:
        plain = kind == "CONV_2D"
        options = schema.Conv2DOptionsT() if plain else schema.DepthwiseConv2DOptionsT()
        options.padding = schema.Padding.SAME
        options.strideW = options.strideH = net.graph.tensors[source].shape[1] // size
        if not plain:
            options.depthMultiplier = 1
        channels = net.graph.tensors[source].shape[3]
        shape = (filters, kernel, kernel, channels) if plain else (1, kernel, kernel, filters)
        name = f"{kind}_{filters}_{kernel}"
        given = [source, weights(f"{name}_w", *shape), weights(f"{name}_b", filters)]
        return net.operator(kind, given, net.tensor(name, [1, size, size, filters]), options)

    half = SIZE // 2
    first = convolved("CONV_2D", image, 3, 8, half)
    depthwise = convolved("DEPTHWISE_CONV_2D", first, 3, 8, half)
    pointwise = convolved("CONV_2D", depthwise, 1, 24, half)
    pool = schema.Pool2DOptionsT()
    pool.strideW = pool.strideH = pool.filterWidth = pool.filterHeight = half
    pool.padding = schema.Padding.VALID
    cell = net.operator("AVERAGE_POOL_2D", [pointwise], net.tensor("cell", [1, 1, 1, 24]), pool)
    shape = net.tensor("shape", [2], data=np.array((1, 24), np.int32))
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = [1, 24]
    net.graph.inputs = [image]
    net.graph.outputs = [
        net.operator("RESHAPE", [cell, shape], net.tensor("flat", [1, 24]), reshape)
    ]
    net.sign()
    path.write_bytes(net.bytes())
    return path
