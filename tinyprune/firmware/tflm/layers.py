"""Which layers become custom operators of TFLite Micro, with which of our kernels, and what their options say.

A layer becomes one where its weights follow a sparse pattern and a kernel for that, between maps as TFLite Micro has
them, is expected to be faster than CMSIS-NN is with the dense layer (or smaller, when optimizing for size).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.candidates import CYCLES_A_BYTE
from tinyprune.compiler.choose import Optimize
from tinyprune.compiler.graph import Op
from tinyprune.compiler.kernels import KERNELS, LAYER_FIELDS, Constant, Kernel, Layout, Place, Struct, Wiring
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.sparsity import DENSE, discover, takes
from tinyprune.device.boards import Board
from tinyprune.errors import ModelError
from tinyprune.firmware.tflm.file import Custom, rewrite
from tinyprune.firmware.tflm.operators import CUSTOM, Operator

OPERATOR = "TinypruneSparseConv2D"
MAGIC, VERSION = b"TPSC", 2
#: C's tp_tflm_options: magic; version, bytes, bytes of the weights and of the scratch; scales of input and output;
#: tp_layer; the kernel's name.
_OPTIONS = struct.Struct(f"<4s4I2f{len(LAYER_FIELDS)}i48s")
#: Instruction set → cycles of a multiply-accumulate in CMSIS-NN, interpreter included: of DS-CNN S in our emulator, on
#: a Cortex-M4 and on a Cortex-M3. A Cortex-M0+ takes 9.9 and 12.4, and more for our kernels as well.
_CMSIS_NN_CYCLES = {"dsp": {Conv2D: 2.4, FullyConnected: 3.9}, "c": {Conv2D: 5.3, FullyConnected: 8.7}}


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What an operator of the file becomes; `kernel` is None where it stays what it is."""

    operator: Operator
    pattern: str
    kernel: Kernel | None
    reason: str


def choose(operators: Sequence[Operator], board: Board, optimize: Optimize = "speed") -> tuple[Choice, ...]:
    return tuple(_choice(one, board, optimize) for one in operators)


def _choice(one: Operator, board: Board, optimize: Optimize) -> Choice:
    op = one.op
    pattern = DENSE if op is None else pattern_of(op)
    if op is None or pattern == DENSE:
        return Choice(one, pattern, None, "its weights are dense" if isinstance(op, Weighted) else "no weights")
    fitting = [kernel for kernel in KERNELS if fits(kernel, op, pattern, board)]
    if not fitting:
        return Choice(one, pattern, None, f"no kernel for {pattern} weights takes it")
    best = min(fitting, key=lambda kernel: _cost(kernel.cycles(op), constant_bytes(kernel, op), optimize))
    dense = _CMSIS_NN_CYCLES[board.isas[0]][type(op)] * op.macs
    expected = f"about {best.cycles(op):,.0f} cycles expected, dense {dense:,.0f}"
    ours = _cost(best.cycles(op), constant_bytes(best, op), optimize)
    if ours >= _cost(dense, _dense_bytes(op), optimize):
        return Choice(one, pattern, None, f"weights are {pattern}, but {best.name} would gain nothing: {expected}")
    return Choice(one, pattern, best, f"weights are {pattern}; {expected}")


def pattern_of(op: Op) -> str:
    """What the weights follow."""
    rows = op.matrix
    return DENSE if rows is None else discover(rows)


def is_sparse_between_plain_maps(kernel: Kernel) -> bool:
    """Whether it is for sparse weights, and reads and writes int8 maps as TFLite Micro has them."""
    plain = kernel.reads is Layout.INTERLEAVED and Layout.INTERLEAVED in kernel.writes
    return plain and kernel.pattern != DENSE and "int8" in kernel.dtypes


def fits(kernel: Kernel, op: Op, pattern: str, board: Board) -> bool:
    """Whether a custom operator may run `op`, whose weights follow `pattern`, with this kernel."""
    ours = is_sparse_between_plain_maps(kernel) and kernel.isa in board.isas
    return ours and takes(kernel.pattern, pattern) and kernel.runs(op)


def _cost(cycles: float, size_bytes: int, optimize: Optimize) -> float:
    return cycles if optimize == "speed" else cycles + CYCLES_A_BYTE * size_bytes


def constants(kernel: Kernel, op: Op) -> list[Constant]:
    return [argument for argument in kernel.arguments(op, Wiring()) if isinstance(argument, Constant)]


def constant_bytes(kernel: Kernel, op: Op) -> int:
    return sum(constant.values.nbytes for constant in constants(kernel, op))


def _dense_bytes(op: Op) -> int:
    assert isinstance(op, Weighted)
    return op.weights.nbytes + op.bias.nbytes


def convert(model: bytes, choices: Sequence[Choice]) -> tuple[bytes, tuple[Operator, ...]]:
    """The .tflite with custom operators in the place of what was chosen, and its operators."""
    replaced, operators = {}, []
    for number, choice in enumerate(choices):
        one = choice.operator
        if choice.kernel is not None and isinstance(one.op, Weighted):
            replaced[number] = custom(choice.kernel, one.op)
            one = Operator(one.name, CUSTOM, one.op)
        operators.append(one)
    return (rewrite(model, replaced) if replaced else model), tuple(operators)


def custom(kernel: Kernel, op: Weighted) -> Custom:
    """The custom operator that runs `op` with `kernel`."""
    layer = next(
        part for part in kernel.arguments(op, Wiring()) if isinstance(part, Struct) and part.type == "tp_layer"
    )
    parts = {constant.name: constant.values for constant in constants(kernel, op)}
    name = kernel.name.encode("ascii")
    if len(name) > 47:
        raise ModelError(f"the kernel's name {kernel.name} is longer than the 47 characters that options have room for")
    scales = (float(op.input.scale), float(op.output.scale))
    sizes = (VERSION, _OPTIONS.size, parts["weights"].nbytes, kernel.scratch_bytes(op))
    options = _OPTIONS.pack(MAGIC, *sizes, *scales, *layer.fields.values(), name)
    tensors = {"weights": np.frombuffer(parts["weights"].tobytes(), np.int8)}
    if "channels" in parts:
        tensors["channels"] = parts["channels"].astype(np.int32)
    return Custom(OPERATOR, options, tensors)


#: How C++ calls a kernel: what it passes for each argument.
_PASSED = {
    Place.INPUT: "input", Place.OUTPUT: "output", Place.SCRATCH: "scratch", "tp_layer": "layer",
    "tp_five_map": "&interleaved", "channels": "channels",
}  # fmt: skip


def call(kernel: Kernel, op: Op) -> dict[str, object]:
    """For the template: the kernel's name, its arguments in C++, and which of them it takes."""
    arguments = kernel.arguments(op, Wiring())
    words = [_word(argument) for argument in arguments]
    return {
        "name": kernel.name,
        "call": f"call_{kernel.name.removeprefix('tp_')}",
        "arguments": words,
        "takes_map": "&interleaved" in words,
        "takes_channels": "channels" in words,
    }


def _word(argument: object) -> str:
    if isinstance(argument, Constant) and argument.name == "weights":
        return f"static_cast<const {argument.type} *>(weights)"
    key = argument.type if isinstance(argument, Struct) else getattr(argument, "name", None)
    if isinstance(argument, Place):
        return _PASSED[argument]
    return _PASSED[str(key)]
