"""Kernels that keep something from one inference to the next: portable C."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import fixed_point
from tinyprune.compiler.fixed_functions import SIGMOID
from tinyprune.compiler.kernels.kernel import Argument, Constant, Kernel, Place, Struct, Wiring
from tinyprune.compiler.kernels.sixteen import MOST_WIDE, wide_halves
from tinyprune.compiler.operators.lstm import Lstm
from tinyprune.compiler.operators.svdf import Svdf
from tinyprune.compiler.sparsity import DENSE


def _feature_bias(op: Svdf) -> npt.NDArray[np.int64]:
    """`[filters]`: the input zero point, folded."""
    folded: npt.NDArray[np.int64] = -op.input.zero_point * op.features.astype(np.int64).sum(axis=1)
    return folded


def _time_bias(op: Svdf) -> npt.NDArray[np.int32]:
    """`[units]`: the variable's zero point, folded. It wraps, as the sums do that begin with it."""
    times = op.times.astype(np.int64).reshape(len(op.bias), -1)
    folded: npt.NDArray[np.int64] = op.bias - op.memory_zero_point * times.sum(axis=1)
    return folded.astype(np.int32)


def _svdf_accepts(dtype: str) -> Callable[[Svdf], bool]:
    """Whether the state has this type, and no sum over an input can overflow."""

    def accepts(op: Svdf) -> bool:
        largest = np.abs(_feature_bias(op)) + 128 * np.abs(op.features.astype(np.int64)).sum(axis=1)
        return op.memory.dtype == dtype and int(largest.max()) <= np.iinfo(np.int32).max

    return accepts


def _svdf(op: Svdf, _wiring: Wiring) -> tuple[Argument, ...]:
    first, second = op.rescalings
    filters, memory = op.times.shape
    inputs = op.features.shape[1]
    fields = {
        "rows": op.input.count // inputs, "inputs": inputs, "units": filters // op.rank, "rank": op.rank,
        "memory": memory, "memory_zero_point": op.memory_zero_point,
        "memory_multiplier": first[0], "memory_shift": first[1],
        "output_zero_point": op.output.zero_point, "output_multiplier": second[0], "output_shift": second[1],
    }  # fmt: skip
    return (
        Struct("tp_svdf", fields), Constant("weights", "int8_t", op.features),
        Constant("feature_bias", "int32_t", _feature_bias(op).astype(np.int32)),
        Constant("times", f"{op.memory.dtype}_t", op.times), Constant("bias", "int32_t", _time_bias(op)),
        Place.INPUT, Place.OUTPUT, Place("state"),
    )  # fmt: skip


def _svdf_cycles(op: Svdf) -> float:
    rows = op.input.count // op.features.shape[1]
    return float(rows) * (4.6 * op.features.size + 15 * op.times.size + 160 * len(op.features))


def _lstm_biases(op: Lstm) -> npt.NDArray[np.int64]:
    """`[units, gates, (inputs, hidden)]`, zero points folded."""
    found = np.zeros((op.units, len(op.gates), 2), np.int64)
    for number, gate in enumerate(op.gates):
        found[:, number, 0] = gate.bias - op.input.zero_point * gate.weights.astype(np.int64).sum(axis=1)
        found[:, number, 1] = -op.hidden_zero_point * gate.recurrent.astype(np.int64).sum(axis=1)
    return found


def lstm_sums(op: Lstm) -> npt.NDArray[np.int32]:
    """C's `tp_lstm_sum` `[units · gates · (inputs, hidden), (bias, multiplier, shift)]`, or `tp_wide_channel`."""
    rescalings = np.array([op.gate_rescalings(gate) for gate in op.gates], np.int64)  # [gates, 2, 2]
    if op.rounds_once:
        rescalings[..., 0] = fixed_point.reduced_multiplier(rescalings[..., 0])
    biases = _lstm_biases(op)[..., None]
    bias = wide_halves(biases[..., 0]) if op.rounds_once else biases
    numbers = np.broadcast_to(rescalings, (op.units, *rescalings.shape))
    return np.concatenate([bias, numbers], axis=-1).astype(np.int32).reshape(-1, bias.shape[-1] + 2)


def lstm_weights(op: Lstm) -> npt.NDArray[np.int8]:
    """`[units, gates, inputs + units]`"""
    return np.stack([np.concatenate([gate.weights, gate.recurrent], axis=1) for gate in op.gates], axis=1)


def _lstm_accepts(op: Lstm) -> bool:
    """Whether no sum can overflow."""
    bias, inputs = np.abs(_lstm_biases(op)), op.sizes[2]
    weights = np.abs(lstm_weights(op).astype(np.int64))
    sums = np.stack([weights[..., :inputs].sum(axis=-1), weights[..., inputs:].sum(axis=-1)], axis=-1)
    return int((bias - op.input.limits[0] * sums).max()) < (MOST_WIDE if op.rounds_once else 1 << 31)


def _lstm(op: Lstm, _wiring: Wiring) -> tuple[Argument, ...]:
    batch, steps, inputs = op.sizes
    forgets, adds, gives = op.rescalings
    strides = (1, batch) if op.time_major else (steps, 1)
    fields = {
        "batch": batch, "steps": steps, "inputs": inputs, "units": op.units,
        "row_stride": strides[0], "step_stride": strides[1],
        "hidden_zero_point": op.hidden_zero_point, "hidden_multiplier": gives[0], "hidden_shift": gives[1],
        "forget_multiplier": forgets[0], "forget_shift": forgets[1],
        "add_multiplier": adds[0], "add_shift": adds[1],
        "tanh_multiplier": op.tanh_input[0], "tanh_shift": op.tanh_input[1],
        "cell_min": op.cell_limits[0], "cell_max": op.cell_limits[1],
    }  # fmt: skip
    return (
        Struct("tp_lstm", fields), Constant("weights", "int8_t", lstm_weights(op)),
        Constant("sums", "tp_wide_channel" if op.rounds_once else "tp_lstm_sum", lstm_sums(op)),
        Constant("table", "uint16_t", SIGMOID), Place.INPUT, Place.OUTPUT, Place("state", 0), Place("state", 1),
    )  # fmt: skip


def _lstm_cycles(op: Lstm) -> float:
    batch, steps, _ = op.sizes
    return (7.0 if op.rounds_once else 4.0) * op.macs + 1100.0 * batch * steps * op.units


ROWS = (
    Kernel("tp_lstm_s8_dense_c", (Lstm,), DENSE, "c", _lstm_accepts, _lstm, _lstm_cycles),
    Kernel("tp_lstm_s16_dense_c", (Lstm,), DENSE, "c", _lstm_accepts, _lstm, _lstm_cycles, dtypes=("int16",)),
    Kernel("tp_svdf_s8_dense_c", (Svdf,), DENSE, "c", _svdf_accepts("int8"), _svdf, _svdf_cycles),
    Kernel("tp_svdf_s16_dense_c", (Svdf,), DENSE, "c", _svdf_accepts("int16"), _svdf, _svdf_cycles),
)
