"""Graph → Graph: operators that others can do along with their own work vanish. The answers stay the same.

* A PAD with the value that a convolution takes for padding, or a max pool, becomes the padding of its window.
* A convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND is dilated by their blocks: so converters write it.
* A depthwise convolution of one channel is a convolution: converters from PyTorch write first layers so.
* A RELU or RELU6 behind a convolution, a fully connected layer or a sum becomes its fused activation, if both have one
  quantization; so does any other operator of one value that only clamps.
* A TRANSPOSE of a TRANSPOSE is one, or none; one before a fully connected layer is in the order of its weights.
* A view of a view that has the shape of a tensor before them is that tensor.

The reader does not fold: reports and other runtimes see the operators of the file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np

from tinyprune.compiler import reference, sparsity
from tinyprune.compiler.graph import Activation, Array, Graph, Op, Tensor
from tinyprune.compiler.operators.binary import ClampedBinary
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.lookup import Lookup
from tinyprune.compiler.operators.max_pool_2d import MaxPool2D
from tinyprune.compiler.operators.pad import Pad
from tinyprune.compiler.operators.space_to_batch import BatchToSpace, SpaceToBatch
from tinyprune.compiler.operators.transpose import Transpose
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.operators.window import Pair, Window

_CLAMPING = (Weighted, ClampedBinary)
_RANK = 3  # of a map, its batch of 1 left out


@lru_cache(maxsize=1)
def fold(graph: Graph) -> Graph:
    """The same network with fewer operators."""
    for rule in (_reordered, _without_views, _ordered_weights, _dilated, _padded, _of_one_channel, _clamped):
        graph = rule(graph)
    return graph


def obstacle(op: Op) -> str | None:
    """Why nothing can run an operator that is not folded, if so."""
    if isinstance(op, SpaceToBatch) and op.fill is not None:
        return (
            f'operator "{op.name}" (SPACE_TO_BATCH_ND) has paddings, and TFLite Micro leaves open with what it fills '
            "them; needed: no paddings, or those that BATCH_TO_SPACE_ND cuts off again behind a convolution"
        )
    if isinstance(op, (Conv2D, DepthwiseConv2D)) and len(op.input.shape) > _RANK:
        return (
            f'layer "{op.name}" runs on a batch of {op.input.shape[0]}; needed: a batch of 1, or stride 1 between a '
            "SPACE_TO_BATCH_ND and a BATCH_TO_SPACE_ND of the same blocks, with nothing else in between"
        )
    return None


@dataclass(frozen=True, slots=True)
class _Uses:
    """Who makes and who reads each tensor, by its index."""

    makers: Mapping[int, Op]
    readers: Mapping[int, list[Op]]
    ends: frozenset[int]

    def only_reader(self, tensor: Activation) -> Op | None:
        """Of a tensor that is no output of the network."""
        readers = self.readers.get(tensor.index, [])
        return readers[0] if len(readers) == 1 and tensor.index not in self.ends else None


def _uses(graph: Graph) -> _Uses:
    readers: dict[int, list[Op]] = {}
    for op in graph.ops:
        for tensor in op.activations:
            readers.setdefault(tensor.index, []).append(op)
    makers = {tensor.index: op for op in graph.ops for tensor in op.outputs}
    return _Uses(makers, readers, frozenset(tensor.index for tensor in graph.outputs))


def _exchanged(graph: Graph, exchanged: Mapping[Op, Op], gone: Iterable[Op]) -> Graph:
    left_out = set(gone)
    ops = tuple(exchanged.get(op, op) for op in graph.ops if op not in left_out)
    return replace(graph, ops=ops) if exchanged or left_out else graph


def _reordered(graph: Graph) -> Graph:
    """Of two TRANSPOSEs in a row the second one does what both did; where that is nothing it is a view."""
    uses, exchanged, gone = _uses(graph), dict[Op, Transpose](), list[Op]()
    for op in graph.ops:
        maker = uses.makers.get(op.input.index) if isinstance(op, Transpose) else None
        if isinstance(op, Transpose) and isinstance(maker, Transpose) and uses.only_reader(op.input) is op:
            first = exchanged.get(maker, maker)
            exchanged[op] = replace(op, input=first.input, order=tuple(first.order[axis] for axis in op.order))
            gone.append(maker)
    return _exchanged(graph, exchanged, gone)


def _ordered_weights(graph: Graph) -> Graph:
    uses, exchanged, gone = _uses(graph), dict[Op, Op](), list[Op]()
    for op in graph.ops:
        if not isinstance(op, Transpose) or op.is_view:
            continue
        chain: list[Op] = [op]
        while (reader := uses.only_reader(chain[-1].outputs[0])) is not None and reader.is_view:
            chain.append(reader)
        if isinstance(reader, FullyConnected) and reader.weights.shape[1] == op.input.count:
            weights = np.ascontiguousarray(reader.weights[:, _places(op)])
            if sparsity.discover(weights) == sparsity.discover(reader.weights):
                exchanged[reader] = replace(reader, input=op.input, weights=weights)
                gone += chain
    return _exchanged(graph, exchanged, gone)


def _places(op: Transpose) -> Array:
    """For each value of the operand, the place where it stands in the result."""
    shape = op.input.file_shape
    return np.argsort(np.arange(op.input.count).reshape(shape).transpose(op.order).ravel())


def _without_views(graph: Graph) -> Graph:
    uses, same = _uses(graph), dict[int, Activation]()
    for operand, name in graph.views:
        tensor: Activation | None = operand
        while tensor is not None and (tensor.shape, tensor.batched) != (name.shape, name.batched):
            maker = uses.makers.get(tensor.index)
            tensor = maker.activations[0] if maker is not None and maker.is_view else None
        if tensor is not None and name.index not in uses.ends:
            same[name.index] = same.get(tensor.index, tensor)
    ops = [_with_operands(op, same) for op in graph.ops]
    read = uses.ends
    for op in reversed(ops):  # views that nobody reads any more
        if not op.is_view or op.outputs[0].index in read:
            read |= {tensor.index for tensor in op.activations}
    kept = tuple(op for op in ops if not op.is_view or op.outputs[0].index in read)
    return replace(graph, ops=kept) if same else graph


def _with_operands(op: Op, same: Mapping[int, Activation]) -> Op:
    """With other tensors in the place of operands."""
    if not any(tensor.index in same for tensor in op.activations):
        return op

    made = {tensor.index for tensor in op.outputs}

    def exchanged(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(exchanged(part) for part in value)
        return same.get(value.index, value) if isinstance(value, Tensor) and value.index not in made else value

    return replace(op, **{field.name: exchanged(getattr(op, field.name)) for field in fields(op)})


def _dilated(graph: Graph) -> Graph:
    uses, exchanged, gone = _uses(graph), dict[Op, Op](), list[Op]()
    for op in graph.ops:
        if not isinstance(op, SpaceToBatch):
            continue
        conv = uses.only_reader(op.output)
        if not isinstance(conv, (Conv2D, DepthwiseConv2D)):
            continue
        back = uses.only_reader(conv.output)
        window = _dilated_window(op, conv, back) if isinstance(back, BatchToSpace) else None
        if isinstance(back, BatchToSpace) and window is not None:
            exchanged[conv] = replace(conv, input=op.input, output=back.output, window=window)
            gone += [op, back]
    return _exchanged(graph, exchanged, gone)


def _dilated_window(op: SpaceToBatch, conv: Conv2D | DepthwiseConv2D, back: BatchToSpace) -> Window | None:
    """That of the convolution in the place of all three; None where there is none."""
    slide, block = conv.window, op.block
    maps = len(op.input.shape) == _RANK and op.input.batched and back.output.batched
    if not maps or block != back.block or slide.stride != (1, 1):
        return None
    padding = _pair(lambda n: op.before[n] - back.before[n] + slide.padding[n] * block[n])
    window = Window(slide.kernel, (1, 1), _pair(lambda n: slide.dilation[n] * block[n]), padding)
    inside = all(padding[n] == 0 and back.output.shape[n] + _reach(window, n) - 1 <= op.input.shape[n] for n in (0, 1))
    return window if min(padding) >= 0 and (inside or op.fill is None) else None


def _padded(graph: Graph) -> Graph:
    """The last pads first: one may be behind another."""
    for op in reversed(graph.ops):
        if not isinstance(op, Pad):
            continue
        uses = _uses(graph)
        readers = uses.readers.get(op.output.index, [])
        windows = {reader: _padded_window(op, reader) for reader in readers}
        if op.output.index in uses.ends or not readers or None in windows.values():
            continue
        exchanged: dict[Op, Op] = {
            reader: replace(reader, input=op.input, window=window)  # type: ignore[call-arg]
            for reader, window in windows.items()
        }
        graph = _exchanged(graph, exchanged, [op])
    return graph


def _padded_window(op: Pad, reader: Op) -> Window | None:
    """That of an operator which pads by itself what `op` pads; None where it cannot."""
    if not isinstance(reader, (Conv2D, DepthwiseConv2D, MaxPool2D)):
        return None
    value = reader.input.limits[0] if isinstance(reader, MaxPool2D) else reader.input.zero_point  # never wins
    maps = op.input.batched and op.output.batched and len(op.input.shape) == len(op.output.shape) == _RANK
    around = zip(op.before, op.after, strict=True)
    if not maps or op.value != value or any(b or a for axis, (b, a) in enumerate(around) if axis not in (1, 2)):
        return None
    slide = reader.window
    window = replace(slide, padding=_pair(lambda n: op.before[n + 1] + slide.padding[n]))
    return window if _covers(window, op.input.shape, reader.output.shape) else None


def _of_one_channel(graph: Graph) -> Graph:
    depthwise = (op for op in graph.ops if isinstance(op, DepthwiseConv2D) and op.input.shape[-1] == 1)
    return _exchanged(graph, {op: _convolution(op) for op in depthwise}, ())


def _convolution(op: DepthwiseConv2D) -> Conv2D:
    """With `[kernel_h, kernel_w, out_channels]` weights as `[out_channels, kernel_h, kernel_w, 1]`."""
    values = {field.name: getattr(op, field.name) for field in fields(op)}
    return Conv2D(**values | {"weights": np.ascontiguousarray(op.weights.transpose(2, 0, 1)[..., None])})


def _clamped(graph: Graph) -> Graph:
    uses, exchanged, gone = _uses(graph), dict[Op, Op](), list[Op]()
    for op in graph.ops:
        maker = uses.makers.get(op.input.index) if isinstance(op, Lookup) else None
        if not isinstance(op, Lookup) or not isinstance(maker, _CLAMPING) or uses.only_reader(op.input) is not op:
            continue
        bounds = _bounds(op) if _kind(op.input) == _kind(op.output) else None
        if bounds is not None:
            low, high = (int(np.clip(old, *bounds)) for old in (maker.activation_min, maker.activation_max))
            exchanged[maker] = replace(maker, output=op.output, activation_min=low, activation_max=high)
            gone.append(op)
    return _exchanged(graph, exchanged, gone)


def _kind(tensor: Activation) -> tuple[Any, ...]:
    return tensor.shape, tensor.batched, tensor.dtype, float(tensor.scale), tensor.zero_point


def _bounds(op: Lookup) -> tuple[int, int] | None:
    """Of what an operator of one value does to stored values, where it does nothing but clamp."""
    least, most = op.input.limits
    every = np.arange(least, most + 1).astype(op.input.dtype)
    found = reference.run_op(op, every)[0]
    low, high = int(found.min()), int(found.max())
    return (low, high) if np.array_equal(found, every.clip(low, high)) else None


def _covers(window: Window, before: tuple[int, ...], behind: tuple[int, ...]) -> bool:
    """Whether there is something of the map under the window everywhere."""
    return all(
        -window.padding[n] + _reach(window, n) > 0
        and (behind[n] - 1) * window.stride[n] - window.padding[n] < before[n]
        for n in (0, 1)
    )


def _reach(window: Window, axis: int) -> int:
    return (window.kernel[axis] - 1) * window.dilation[axis] + 1


def _pair(number: Callable[[int], int]) -> Pair:
    return number(0), number(1)
