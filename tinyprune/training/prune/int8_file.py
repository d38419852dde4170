"""Weights of an int8 .tflite file, overwritten where they stand: every other byte of the file stays as it is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from tinyprune.compiler.graph import Float32, Graph, Int8, Int32, Op
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.tables import indices
from tinyprune.errors import ModelError

#: Operators whose weights are a matrix over the taps of one operand.
Layer: TypeAlias = Conv2D | FullyConnected


@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """New constants of a layer."""

    weights: Int8
    """`[out_channels, taps]`."""
    scales: Float32
    """As many as the layer had."""
    bias: Int32 | None
    """`[out_channels]`; None leaves it as it is."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Tensors of an operator in the file, −1 for a bias that it does not have."""

    weights: int
    bias: int


class File:
    """The bytes of a model that the reader takes."""

    def __init__(self, data: bytes) -> None:
        import tflite

        self._data = bytearray(data)
        self._model = tflite.Model.GetRootAs(self._data, 0)
        self._subgraph = self._model.Subgraphs(0)
        self._places: dict[int, _Place] = {}  # by the operator's result
        self._readers: Counter[int] = Counter()  # of each tensor
        for number in range(self._subgraph.OperatorsLength()):
            operator = self._subgraph.Operators(number)
            inputs = indices(operator, "Inputs")
            self._readers.update(inputs)
            weights, bias = (*inputs, -1, -1, -1)[1:3]
            self._places |= dict.fromkeys(indices(operator, "Outputs"), _Place(weights, bias))
        self._owners: Counter[int] = Counter()  # of each buffer: tensors
        for number in range(self._model.SubgraphsLength()):
            subgraph = self._model.Subgraphs(number)
            self._owners.update(subgraph.Tensors(index).Buffer() for index in range(subgraph.TensorsLength()))

    def refusal(self, op: Layer) -> str:
        """Why the weights of a layer cannot be overwritten; empty if they can."""
        index = self._places[op.output.index].weights
        tensor = self._subgraph.Tensors(index)
        if tensor.Sparsity() is not None or not self._model.Buffers(tensor.Buffer()).DataLength():
            return "its weights are in TFLite's sparse encoding"
        return "" if self._is_alone(index) else "other layers use the same weights"

    def bias(self, op: Layer) -> Literal["none", "own", "shared"]:
        """Whether the layer has a bias, and whether another one uses it too."""
        index = self._places[op.output.index].bias
        if index < 0:
            return "none"
        return "own" if self._is_alone(index) else "shared"

    def _is_alone(self, index: int) -> bool:
        return self._readers[index] == 1 and self._owners[self._subgraph.Tensors(index).Buffer()] == 1

    def revised(self, revisions: Mapping[Op, Revision]) -> bytes:
        """The file with other constants in these layers."""
        for op, revision in revisions.items():
            assert isinstance(op, Conv2D | FullyConnected)
            place = self._places[op.output.index]
            self._write(place.weights, revision.weights)
            if not np.array_equal(revision.scales, op.weight_scales):
                self._write_scales(place.weights, revision.scales)
                if place.bias >= 0:
                    self._write_scales(place.bias, revision.scales * op.input.scale)
            if revision.bias is not None:
                self._write(place.bias, revision.bias)
        return bytes(self._data)

    def _write(self, index: int, values: "Int8 | Int32") -> None:
        view: Any = self._model.Buffers(self._subgraph.Tensors(index).Buffer()).DataAsNumpy()
        view[:] = np.frombuffer(values.astype(values.dtype.newbyteorder("<")).tobytes(), np.uint8)

    def _write_scales(self, index: int, scales: Float32) -> None:
        quantization = self._subgraph.Tensors(index).Quantization()
        if quantization is not None and quantization.ScaleLength() == len(scales):
            quantization.ScaleAsNumpy()[:] = scales.astype("<f4")


def check(before: Graph, after: Graph, revisions: Mapping[Op, Revision]) -> None:
    """Raises ModelError unless the networks differ in these layers alone, and as they shall: parts of a file may share
    bytes in ways that converters do not."""
    for old, new in zip(before.ops, after.ops, strict=True):
        if old in revisions:
            found = _constants(new)
            wanted = _constants(old) | _revised(revisions[old])
        else:
            found, wanted = _constants(new), _constants(old)
        if found != wanted:
            raise ModelError(f'layer "{old.name}" shares its constants in an unusual way; convert the model again')


def _constants(op: Op) -> dict[str, bytes]:
    names = ("weights", "weight_scales", "bias")
    own = {name: np.asarray(getattr(op, name)).tobytes() for name in names if hasattr(op, name)}
    return own | {f"scale of {tensor.index}": np.asarray(tensor.scale).tobytes() for tensor in op.inputs}


def _revised(revision: Revision) -> dict[str, bytes]:
    found = {"weights": revision.weights.tobytes(), "weight_scales": revision.scales.tobytes()}
    return found | ({} if revision.bias is None else {"bias": revision.bias.tobytes()})
