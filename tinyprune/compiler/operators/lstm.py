"""UNIDIRECTIONAL_SEQUENCE_LSTM: the LSTM of Keras, step by step over a sequence.

Two variables outlive an inference: the hidden state (int8 or int16, as activations are), which is also the last step's
result, and the cell state (int16). Gates are computed in int16, from sums that are rounded to 2^−12 each. Sigmoid and
tanh come from one table with interpolation.
"""

from dataclasses import dataclass, replace
from math import isnan

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node, tensor_name
from tinyprune.compiler.fixed_functions import interpolated_sigmoid, interpolated_tanh
from tinyprune.compiler.graph import Activation, Array, Int8, Int32, Int64, State, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result

_OPTIONS = "UnidirectionalSequenceLSTMOptions"
_TANH = 4  # as the schema has it
_OPERANDS = 24
GATES = ("input", "forget", "cell", "output")
_GATE_SCALE = 2.0**-12
_ONE = 2.0**-15  # the scale of what sigmoid and tanh make


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """Arrays are read-only."""

    weights: Int8  # [units, inputs]
    scale: np.float32
    recurrent: Int8  # [units, units]
    recurrent_scale: np.float32
    bias: Int32 | Int64  # [units], 64 bits with int16 activations

    def __post_init__(self) -> None:
        for array in (self.weights, self.recurrent, self.bias):
            array.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class Lstm(Unary):
    """`gates` are in the order of GATES."""

    hidden: State  # [batch, units]
    hidden_scale: np.float32
    hidden_zero_point: int
    cell: State  # [batch, units], int16
    cell_scale: np.float32
    gates: tuple[Gate, Gate, Gate, Gate]
    cell_clip: float
    time_major: bool

    @property
    def states(self) -> tuple[State, ...]:
        return (self.hidden, self.cell)

    @property
    def units(self) -> int:
        return len(self.gates[0].bias)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """(batch, steps, inputs)"""
        first, second, inputs = self.input.file_shape
        return (second, first, inputs) if self.time_major else (first, second, inputs)

    @property
    def rounds_once(self) -> bool:
        """Whether sums have 64 bits, and their way to a gate has one rounding."""
        return self.output.dtype == "int16"

    @property
    def macs(self) -> int:
        batch, steps, inputs = self.sizes
        return batch * steps * 4 * self.units * (inputs + self.units)

    def gate_rescalings(self, gate: Gate) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) of the sums over inputs and over the hidden state."""
        pairs = ((self.input.scale, gate.scale), (self.hidden_scale, gate.recurrent_scale))
        first, second = (fixed_point.quantize_multiplier(float(a) * float(b) / _GATE_SCALE) for a, b in pairs)
        return first, second

    @property
    def rescalings(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) of forget gate times cell state, input gate times cell gate, output gate times tanh."""
        cell = float(self.cell_scale)
        factors = _ONE * cell / cell, _ONE * _ONE / cell, _ONE * _ONE / float(self.hidden_scale)
        first, second, third = (fixed_point.quantize_multiplier(factor) for factor in factors)
        return first, second, third

    @property
    def tanh_input(self) -> tuple[int, int]:
        """(multiplier, right shift) that take the cell state to the table's input."""
        places = _log2(self.cell_scale) + 12
        return (3 << places, 0) if places >= 0 else (3, -places)

    @property
    def cell_limits(self) -> tuple[int, int]:
        if self.cell_clip <= 0:
            return -(1 << 15), (1 << 15) - 1
        most = int(min(float(np.float32(self.cell_clip)) / float(self.cell_scale), 32767.0))
        return -most, most


def _log2(scale: np.float32) -> int:
    """To the nearest whole number, in float32."""
    found = np.log(scale) * (np.float32(1) / np.log(np.float32(2)))
    return int(np.trunc(float(found) + np.copysign(0.5, found)))


def plain(node: Node) -> str | None:
    """It has 24 operands, without peephole weights, projection or layer normalization; no gate is left out."""
    if len(node.inputs) != _OPERANDS:
        return f"it has {len(node.inputs)} operands"
    missing = [place for place in (*range(9), *range(12, 16), 18, 19) if not node.has(place)]
    if missing:
        return f"operand {missing[0]} is left out"
    extra = [place for place in (9, 10, 11, 16, 17, 20, 21, 22, 23) if node.has(place)]
    return f"it has operand {extra[0]}" if extra else None


def activated_by_tanh(node: Node) -> str | None:
    """Its activation is TANH."""
    number = node.options(_OPTIONS).FusedActivationFunction()
    return None if number == _TANH else f"it has the fused activation number {number}"


def shapes_fit(node: Node) -> str | None:
    """Its input is [batch, steps, inputs], or [steps, batch, inputs] if time comes first; its weights are
    [units, inputs] and [units, units], its biases [units], its variables [batch, units], and its result is like the
    input, with units."""
    source, target, time_major = node.activation(0), node.result(), node.options(_OPTIONS).TimeMajor()
    hidden, cell = node.variable(18, *node.types), node.variable(19, "INT16")
    fact = f"its input is {list(source.file_shape)}, its hidden state {list(hidden.shape)}"
    if len(source.file_shape) != 3 or len(hidden.shape) != 2:
        return fact
    batch, inputs, units = source.file_shape[1 if time_major else 0], source.file_shape[2], hidden.shape[1]
    wanted: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        (hidden.shape, (batch, units)),
        (cell.shape, (batch, units)),
    ]
    wanted += [(node.constant(place, "INT8").shape, (units, inputs)) for place in range(1, 5)]
    wanted += [(node.constant(place, "INT8").shape, (units, units)) for place in range(5, 9)]
    wanted += [(node.constant(place, _bias_type(node)).shape, (units,)) for place in range(12, 16)]
    wanted += [(target.file_shape, (*source.file_shape[:2], units))]
    wrong = next(((found, want) for found, want in wanted if found != want), None)
    return None if wrong is None else f"{fact}; something has shape {list(wrong[0])} instead of {list(wrong[1])}"


def _bias_type(node: Node) -> str:
    return "INT64" if node.types == ("INT16",) else "INT32"


def symmetric_weights(node: Node) -> str | None:
    """Its weights have one scale for each gate, and the zero point 0; so does the cell state."""
    for place in (*range(1, 9), 19):
        if node.quantization(place)[1] != 0:
            return f'tensor "{tensor_name(node.file, node.index(place))}" has a zero point other than 0'
    return None


def in_range(node: Node) -> str | None:
    """The scale of its cell state is between 2^−40 and 4, those of its weights and hidden state are such that it
    multiplies by less than 2^30; sums of int16 by less than 2^7. What clips its cell state is a number."""
    if isnan(node.options(_OPTIONS).CellClip()):
        return "its cell state is clipped to NaN"
    source, hidden, cell = (float(node.quantization(place)[0]) for place in (0, 18, 19))
    if not 2.0**-40 <= cell <= 4:
        return f"the cell state has scale {cell:g}"
    largest = max(float(node.quantization(place)[0]) * (source if place < 5 else hidden) for place in range(1, 9))
    sums, rest = largest / _GATE_SCALE, _ONE * _ONE / hidden
    if node.types == ("INT16",) and sums >= 2.0**7:
        return f"it multiplies sums by {sums:g}"
    return None if max(sums, rest) < 2.0**30 else f"it multiplies by {max(sums, rest):g}"


def read(node: Node) -> Lstm:
    hidden_scale, hidden_zero_point = node.quantization(18)
    gates = [
        Gate(
            node.constant(1 + number, "INT8"), node.quantization(1 + number)[0],
            node.constant(5 + number, "INT8"), node.quantization(5 + number)[0],
            node.constant(12 + number, _bias_type(node)),
        )
        for number in range(4)
    ]  # fmt: skip
    options = node.options(_OPTIONS)
    return Lstm(
        node.name, *node.ends(), node.variable(18, *node.types), hidden_scale, hidden_zero_point,
        node.variable(19, "INT16"), node.quantization(19)[0], (gates[0], gates[1], gates[2], gates[3]),
        options.CellClip(), options.TimeMajor(),
    )  # fmt: skip


def _int16(values: Array) -> npt.NDArray[np.int64]:
    return np.clip(values.astype(np.int64), -(1 << 15), (1 << 15) - 1)


def _sigmoid(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of int16 with scale 2^−12, with scale 2^−15."""
    return interpolated_sigmoid(values, 3, 0)


def _gate(op: Lstm, gate: Gate, x: npt.NDArray[np.int64], hidden: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What goes into the activation, for differences from the zero points."""
    multiply = fixed_point.multiply_by_quantized_multiplier
    if op.rounds_once:
        multiply = fixed_point.multiply_by_reduced_multiplier
    first, second = op.gate_rescalings(gate)
    inputs = x @ gate.weights.astype(np.int64).T + gate.bias
    recurrent = hidden @ gate.recurrent.astype(np.int64).T
    return _int16(_int16(multiply(inputs, *first)) + _int16(multiply(recurrent, *second)))


def infer(op: Lstm, x: Array, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
    multiply = fixed_point.multiply_by_quantized_multiplier
    rows = x.reshape(op.input.file_shape).astype(np.int64) - op.input.zero_point
    h, c = hidden[0].astype(np.int64), cell[0].astype(np.int64)
    forgets, adds, gives = op.rescalings
    made = []
    for row in rows if op.time_major else rows.transpose(1, 0, 2):
        inputs, forget, new, output = (_gate(op, gate, row, h - op.hidden_zero_point) for gate in op.gates)
        kept = _int16(multiply(_sigmoid(forget) * c, *forgets))
        added = _int16(multiply(_sigmoid(inputs) * interpolated_tanh(new, 3, 0), *adds))
        c = np.clip(_int16(kept + added), *op.cell_limits)
        scaled = multiply(interpolated_tanh(c, *op.tanh_input) * _sigmoid(output), *gives).astype(np.int64)
        h = np.clip(scaled + op.hidden_zero_point, *op.output.limits)
        made.append(h)
    dtype = op.output.dtype
    outputs = np.stack(made, 0 if op.time_major else 1).astype(dtype)
    return outputs.reshape(1, *op.output.shape), h.astype(dtype)[None], c.astype(np.int16)[None]


def case(random: np.random.Generator) -> Lstm:
    """Time first and batches are among them, gates that saturate, and a cell state that is clipped."""
    batch, steps = int(random.choice([1, 1, 1, 2, 3])), cases.size(random, 5)
    inputs, units, time_major = cases.size(random, 24), cases.size(random, 12), bool(random.integers(2))
    shape = (steps, batch) if time_major else (batch, steps)
    source = _sequence(cases.activation(random, (*shape, inputs)))
    hidden_scale, hidden_zero_point = np.float32(random.choice([1 / 128, 1 / 255, 0.004])), cases.zero_point(random)
    target = replace(source, index=1, name="t1", shape=(*source.shape[:-1], units), scale=hidden_scale)
    target = replace(target, zero_point=hidden_zero_point)
    gates = [_case_gate(random, float(source.scale), float(hidden_scale), units, inputs) for _ in range(4)]
    if cases.dtype(random) == "int16":
        source, target = cases.widened(source), cases.widened(target)
        gates = [replace(gate, bias=gate.bias.astype(np.int64) * 256) for gate in gates]
    cell_scale = np.float32(2.0 ** -float(random.choice([11, 12, 13, 15, 9, 4])) * random.choice([1, 1, 1, 1.2]))
    hidden = np.full((batch, units), target.zero_point, target.dtype)
    return Lstm(
        "lstm", source, target, State("lstm/hidden", (batch, units), hidden), target.scale, target.zero_point,
        State("lstm/cell", (batch, units), np.zeros((batch, units), np.int16)), cell_scale,
        (gates[0], gates[1], gates[2], gates[3]), float(random.choice([0, 0, 10, 1.5, -1])), time_major,
    )  # fmt: skip


def _sequence(tensor: Activation) -> Activation:
    batched = tensor.shape[0] == 1
    return replace(tensor, shape=tensor.shape[1:] if batched else tensor.shape, batched=batched)


def _case_gate(random: np.random.Generator, scale: float, hidden_scale: float, units: int, inputs: int) -> Gate:
    spread = float(random.choice([0.3, 2, 2, 2, 20]))  # of what goes into the activation
    weight_scale = spread / (scale * inputs**0.5 * 74 * 74)
    largest = max(1, int(spread / (scale * weight_scale)))
    return Gate(
        cases.values(random, (units, inputs)), np.float32(weight_scale),
        cases.values(random, (units, units)), np.float32(spread / (hidden_scale * units**0.5 * 74 * 74)),
        random.integers(-largest, largest + 1, units).astype(np.int32),
    )  # fmt: skip


def write(op: Lstm) -> Written:
    one = np.ones(1, np.float32)
    constants: list[tuple[str, Array, Array | None, int]] = []
    for name, gate in zip(GATES, op.gates, strict=True):
        constants += [
            (f"{name} weights", gate.weights, gate.scale * one, 0),
            (f"{name} recurrent", gate.recurrent, gate.recurrent_scale * one, 0),
            (f"{name} bias", gate.bias, gate.scale * op.input.scale * one, 0),
        ]
    weights, recurrent, bias = (tuple(f"{name} {kind}" for name in GATES) for kind in ("weights", "recurrent", "bias"))
    order = ("operand 0", *weights, *recurrent, *[""] * 3, *bias, *[""] * 2, "state 0", "state 1", *[""] * 4)
    options = {"FusedActivationFunction": _TANH, "CellClip": op.cell_clip, "TimeMajor": op.time_major}
    states = ((float(op.hidden_scale), op.hidden_zero_point), (float(op.cell_scale), 0))
    return Written("UNIDIRECTIONAL_SEQUENCE_LSTM", _OPTIONS, options, tuple(constants), order=order, states=states)


UNIDIRECTIONAL_SEQUENCE_LSTM = Operator(
    Lstm, "lstm", "The LSTM of Keras over a sequence. Its hidden state is like its result, its cell state int16.", read,
    (one_result, plain, activated_by_tanh, shapes_fit, symmetric_weights, in_range), infer, case, write,
    "AddUnidirectionalSequenceLSTM", types=("INT8", "INT16"),
)  # fmt: skip
