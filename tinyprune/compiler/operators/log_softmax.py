"""LOG_SOFTMAX over the last axis (kernels/internal/reference/log_softmax.h)."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler import fixed_functions, fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int8, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape
from tinyprune.errors import ModelError

#: TFLite's sum of exponentials is Q12.19, and each of them is at most 1.
MAX_DEPTH = 4095
_SUM_INTEGER_BITS = 12


@dataclass(frozen=True, slots=True, eq=False)
class LogSoftmax(Unary):
    @property
    def depth(self) -> int:
        return self.input.file_shape[-1]

    @property
    def scaling(self) -> tuple[int, int, int]:
        """(multiplier, left_shift, diff_min), as those of a softmax."""
        return fixed_point.softmax_parameters(float(self.input.scale), 1.0)

    @property
    def back(self) -> tuple[int, int]:
        """(multiplier, shift) from Q5.26 to differences of inputs."""
        multiplier, left_shift, _ = self.scaling
        return fixed_point.quantize_multiplier((1 << (31 - left_shift)) / multiplier)


def logarithms(node: Node) -> str | None:
    """Its result has scale 1/16 and zero point 127."""
    target = node.result()
    if target.scale == np.float32(1 / 16) and target.zero_point == 127:
        return None
    return f"its result has scale {target.scale:g} and zero point {target.zero_point}"


def in_range(node: Node) -> str | None:
    """Its operand's scale is such that its fixed-point arithmetic can tell inputs apart."""
    try:
        fixed_point.softmax_parameters(float(node.activation(0).scale), 1.0)
    except ModelError as error:
        return str(error)
    return None


def shallow(node: Node) -> str | None:
    """It is over a last axis of at most 4095 values."""
    shape = node.activation(0).file_shape
    if not shape:
        return "its operand has no axis"
    return None if shape[-1] <= MAX_DEPTH else f"it is over {shape[-1]} values"


def read(node: Node) -> LogSoftmax:
    return LogSoftmax(node.name, *node.ends())


def infer(op: LogSoftmax, x: Array) -> Int8:
    multiplier, left_shift, diff_min = op.scaling
    rows = x.reshape(-1, op.depth).astype(np.int64)
    differences = rows - rows.max(axis=1, keepdims=True)
    scaled = fixed_point.multiply_by_quantized_multiplier(differences, multiplier, left_shift)
    exp = np.where(differences >= diff_min, fixed_point.exp_of_negative(scaled), 0)
    total = fixed_point.rounding_divide_by_pot(exp, _SUM_INTEGER_BITS).sum(axis=1, keepdims=True, dtype=np.int64)
    log = fixed_functions.log(total)
    reach = fixed_point.multiply_by_quantized_multiplier(log + fixed_point.INT32_MIN, *op.back)
    least = np.maximum(diff_min - 1, reach)
    steps = fixed_point.rounding_divide_by_pot((scaled - log).astype(np.int32), 31 - 5 - 4)
    found = np.where(differences > least, np.clip(steps.astype(np.int64) + 127, -128, 127), -128)
    return found.astype(np.int8).reshape(x.shape)


def case(random: np.random.Generator) -> LogSoftmax:
    depth = int(random.choice([cases.size(random, 20), cases.size(random, 20), cases.size(random, 600)]))
    usual = float(random.uniform(0.01, 0.2))
    scale = float(random.choice([usual, usual, 2.0**-10, 0.0625, 1.0, 30.0, 2.0 ** random.uniform(-25, 30)]))
    shape = (*cases.shape(random, 3, 4)[1:], depth)
    source = cases.activation(random, shape, scale_=scale)
    return LogSoftmax("log_softmax", source, Activation(1, "t1", shape, np.float32(1 / 16), 127))


def write(_: LogSoftmax) -> Written:
    return Written("LOG_SOFTMAX", "LogSoftmaxOptions")


LOG_SOFTMAX = Operator(
    LogSoftmax, "log_softmax", "Logarithm of the softmax over the last axis.", read,
    (one_result, same_shape, logarithms, in_range, shallow), infer, case, write, "AddLogSoftmax",
)  # fmt: skip
