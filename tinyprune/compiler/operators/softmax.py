"""SOFTMAX over the last axis."""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from tinyprune.compiler import fixed_point
from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation, Array, Int8, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape
from tinyprune.errors import ModelError

_OPTIONS = "SoftmaxOptions"
#: TFLite's sum of exponentials is Q12.19.
MAX_DEPTH = 4095
#: Where their sum is below 2^9, whatever the values: TFLite Micro stops at larger sums, here probabilities are then 0.
SURE_DEPTH = 511
_SUM_INTEGER_BITS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Softmax(Unary):
    beta: float


def probabilities(node: Node) -> str | None:
    """Its result has scale 1/256 and zero point −128."""
    target = node.result()
    if target.scale == np.float32(1 / 256) and target.zero_point == -128:
        return None
    return f"its result has scale {target.scale:g} and zero point {target.zero_point}"


def positive_beta(node: Node) -> str | None:
    """Beta is a positive number."""
    beta = node.options(_OPTIONS).Beta()
    return None if isfinite(beta) and beta > 0 else f"beta is {beta}"


def in_range(node: Node) -> str | None:
    """Input scale and beta are such that its fixed-point arithmetic can tell inputs apart."""
    source, beta = node.activation(0), node.options(_OPTIONS).Beta()
    try:
        if isfinite(beta) and beta > 0:
            fixed_point.softmax_parameters(float(source.scale), beta)
    except ModelError as error:
        return str(error)
    return None


def shallow(node: Node) -> str | None:
    """It is over a last axis of at most 4095 values (TFLite Micro stops where more than 511 are next to equal)."""
    shape = node.activation(0).file_shape
    if not shape:
        return "its operand has no axis"
    return None if shape[-1] <= MAX_DEPTH else f"it is over {shape[-1]} values"


def read(node: Node) -> Softmax:
    return Softmax(node.name, *node.ends(), node.options(_OPTIONS).Beta())


def infer(op: Softmax, x: Array) -> Int8:
    depth = op.input.file_shape[-1]
    if depth > MAX_DEPTH:
        raise ModelError(f'softmax "{op.name}" is over {depth} values; {MAX_DEPTH} is the most')
    multiplier, left_shift, diff_min = fixed_point.softmax_parameters(float(op.input.scale), op.beta)
    rows = x.reshape(-1, depth).astype(np.int64)
    differences = rows - rows.max(axis=1, keepdims=True)
    scaled = fixed_point.multiply_by_quantized_multiplier(differences, multiplier, left_shift)
    exp = np.where(differences >= diff_min, fixed_point.exp_of_negative(scaled), 0)
    total = fixed_point.rounding_divide_by_pot(exp, _SUM_INTEGER_BITS).sum(axis=1, keepdims=True, dtype=np.int64)
    scale, bits_over_unit = fixed_point.reciprocal(total, _SUM_INTEGER_BITS)
    product = fixed_point.saturating_rounding_doubling_high_mul(exp, scale)
    probability = fixed_point.rounding_divide_by_pot(product, bits_over_unit + 31 - 8)
    return np.clip(probability - 128, -128, 127).astype(np.int8).reshape(x.shape)


def case(random: np.random.Generator) -> Softmax:
    depth = int(random.choice([cases.size(random, 20), cases.size(random, 20), SURE_DEPTH]))
    scale = float(random.choice([random.uniform(0.01, 0.1), 2.0**-10, 0.0625, 1.0, 30.0]))
    shape = (*(cases.shape(random, 3, 6)[1:] if random.integers(2) else ()), depth)
    source = cases.activation(random, shape, scale_=scale)
    target = Activation(1, "t1", shape, np.float32(1 / 256), -128)
    return Softmax("softmax", source, target, float(random.choice([1.0, 0.5, 2.0])))


def write(op: Softmax) -> Written:
    return Written("SOFTMAX", _OPTIONS, {"Beta": op.beta})


SOFTMAX = Operator(
    Softmax, "softmax", "Softmax over the last axis.", read,
    (one_result, same_shape, probabilities, positive_beta, in_range, shallow), infer, case, write, "AddSoftmax",
)  # fmt: skip
