"""SOFTMAX over the last axis.

int8: gemmlowp's fixed point, also with an int16 result. int16: two tables, of exp and of 1 / (1 + x), interpolated.
"""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from tinyprune.compiler import fixed_functions, fixed_point
from tinyprune.compiler.file import LOWEST_INT16, Node
from tinyprune.compiler.graph import Activation, Array, Int64, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, change_of_shape, one_result
from tinyprune.errors import ModelError

_OPTIONS = "SoftmaxOptions"
#: TFLite's sum of exponentials is Q12.19.
MAX_DEPTH = 4095
#: Where their sum is below 2^9, whatever the values: TFLite Micro stops at larger sums, here probabilities are then 0.
SURE_DEPTH = 511
_SUM_INTEGER_BITS = 12
#: Types of operand and result → scale and zero point of the result.
_RESULTS = {
    ("int8", "int8"): (2.0**-8, -128), ("int8", "int16"): (2.0**-16, LOWEST_INT16), ("int16", "int16"): (2.0**-15, 0),
}  # fmt: skip
#: Differences of int16 inputs shifted to the left by so many bits fit 32.
_MOST_SHIFT = 15
#: So much may the scale of an int16 result differ from that in parts.
_NEAR = 0.0009
_INT16 = (-(1 << 15), (1 << 15) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Softmax(Unary):
    beta: float


def probabilities(node: Node) -> str | None:
    """Its result has scale 1/256 and zero point −128; of int16 about 1/65536 and −32768 behind an int8 operand, about
    1/32768 and 0 behind an int16 one."""
    source, target = _ends(node)
    wanted = _RESULTS.get((source.dtype, target.dtype))
    if wanted is not None and target.zero_point == wanted[1]:
        away = abs(float(target.scale) / wanted[0] - 1)
        if away <= (_NEAR if target.dtype == "int16" else 0):
            return None
    return (
        f"it makes {target.dtype} of {source.dtype}, and its result has scale {target.scale:g} and zero point "
        f"{target.zero_point}"
    )


def _ends(node: Node) -> tuple[Activation, Activation]:
    return node.activation(0, "INT8", "INT16"), node.result(0, "INT8", "INT16")


def keeps_shape(node: Node) -> str | None:
    """Its result has the shape of its operand."""
    return change_of_shape(*_ends(node))


def positive_beta(node: Node) -> str | None:
    """Beta is a positive number."""
    beta = node.options(_OPTIONS).Beta()
    return None if isfinite(beta) and beta > 0 else f"beta is {beta}"


def in_range(node: Node) -> str | None:
    """Input scale and beta are such that its fixed-point arithmetic can tell inputs apart."""
    source, beta = _ends(node)[0], node.options(_OPTIONS).Beta()
    if source.dtype == "int16" and isfinite(beta) and beta > 0:
        _, shift = differences_scaling(source.scale, beta)
        return None if -31 < shift <= _MOST_SHIFT else f"its operand has scale {source.scale:g}, and beta is {beta:g}"
    try:
        if isfinite(beta) and beta > 0:
            fixed_point.softmax_parameters(float(source.scale), beta)
    except ModelError as error:
        return str(error)
    return None


def shallow(node: Node) -> str | None:
    """It is over a last axis of at most 4095 values (TFLite Micro stops where more than 511 are next to equal)."""
    shape = _ends(node)[0].file_shape
    if not shape:
        return "its operand has no axis"
    return None if shape[-1] <= MAX_DEPTH else f"it is over {shape[-1]} values"


def read(node: Node) -> Softmax:
    return Softmax(node.name, *_ends(node), node.options(_OPTIONS).Beta())


def infer(op: Softmax, x: Array) -> Array:
    depth = op.input.file_shape[-1]
    if depth > MAX_DEPTH:
        raise ModelError(f'softmax "{op.name}" is over {depth} values; {MAX_DEPTH} is the most')
    rows = x.reshape(-1, depth).astype(np.int64)
    differences = rows - rows.max(axis=1, keepdims=True)
    made = _by_tables(op, differences) if op.input.dtype == "int16" else _by_fixed_point(op, differences)
    return made.astype(op.output.dtype).reshape(x.shape)


def _by_fixed_point(op: Softmax, differences: Int64) -> Int64:
    multiplier, left_shift, diff_min = fixed_point.softmax_parameters(float(op.input.scale), op.beta)
    scaled = fixed_point.multiply_by_quantized_multiplier(differences, multiplier, left_shift)
    exp = np.where(differences >= diff_min, fixed_point.exp_of_negative(scaled), 0)
    total = fixed_point.rounding_divide_by_pot(exp, _SUM_INTEGER_BITS).sum(axis=1, keepdims=True, dtype=np.int64)
    scale, bits_over_unit = fixed_point.reciprocal(total, _SUM_INTEGER_BITS)
    product = fixed_point.saturating_rounding_doubling_high_mul(exp, scale)
    places = bits_over_unit + 31 - 8 * np.dtype(op.output.dtype).itemsize
    low, high = op.output.limits
    found: Int64 = np.clip(fixed_point.rounding_divide_by_pot(product, places).astype(np.int64) + low, low, high)
    return found


def differences_scaling(scale: np.float32, beta: float) -> tuple[int, int]:
    """(multiplier, shift) that take differences of int16 inputs to 10 / 65535."""
    return fixed_point.quantize_multiplier(float(scale) * beta / (10.0 / 65535.0))


def _by_tables(op: Softmax, differences: Int64) -> Int64:
    scaled = fixed_point.multiply_by_quantized_multiplier(differences, *differences_scaling(op.input.scale, op.beta))
    exp = fixed_functions.interpolated(fixed_functions.EXPONENTIALS, np.clip(scaled.astype(np.int64) + 32767, *_INT16))
    total = exp.sum(axis=1, keepdims=True)
    zeros = fixed_point.leading_zeros(total)
    above_one = ((total << (zeros - 1)) + (1 << 13) >> 14) - (1 << 15) - (1 << 16)
    inverse = fixed_functions.interpolated(fixed_functions.INVERSES, np.clip(above_one, *_INT16))
    places = 31 - zeros
    found: Int64 = np.clip((exp * inverse + (np.int64(1) << (places - 1))) >> places, 0, 32767)
    return found


def case(random: np.random.Generator) -> Softmax:
    depth = int(random.choice([cases.size(random, 20), cases.size(random, 20), SURE_DEPTH]))
    scale = float(random.choice([random.uniform(0.01, 0.1), 2.0**-10, 0.0625, 1.0, 30.0]))
    shape = (*(cases.shape(random, 3, 6)[1:] if random.integers(2) else ()), depth)
    before, behind = [("int8", "int8"), ("int8", "int8"), ("int8", "int16"), ("int16", "int16")][random.integers(4)]
    if before == "int16":
        scale = float(random.choice([scale / 256, 2.0**-12, 10 / 65535, 1e-5, 0.01]))
    source = cases.activation(random, shape, scale_=scale, dtype=before)
    target_scale, zero_point = _RESULTS[before, behind]
    target = Activation(1, "t1", shape, np.float32(target_scale), zero_point, behind)
    return Softmax("softmax", source, target, float(random.choice([1.0, 0.5, 2.0])))


def write(op: Softmax) -> Written:
    return Written("SOFTMAX", _OPTIONS, {"Beta": op.beta})


SOFTMAX = Operator(
    Softmax, "softmax", "Softmax over the last axis.", read,
    (one_result, keeps_shape, probabilities, positive_beta, in_range, shallow), infer, case, write, "AddSoftmax",
    types=("INT8", "INT16"), asymmetric=True,
)  # fmt: skip
