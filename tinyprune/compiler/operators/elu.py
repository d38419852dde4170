"""ELU: TFLite Micro fills a table in float32 before the first inference."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Int8
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.lookup import Lookup, case_ends, reader, stored
from tinyprune.compiler.operators.operator import Operator, Written, one_result, same_shape
from tinyprune.compiler.operators.quantize import MOST_RESCALING


@dataclass(frozen=True, slots=True, eq=False)
class Elu(Lookup):
    pass


def scales_fit(node: Node) -> str | None:
    """Both scales are between 2^−30 and 2^30, and its operand's is less than 2^22 times its result's."""
    source, target = float(node.activation(0).scale), float(node.result().scale)
    inside = all(2.0**-30 <= scale <= 2.0**30 for scale in (source, target))
    return None if inside and source / target < MOST_RESCALING else f"it takes scale {source:g} to {target:g}"


def infer(op: Elu, x: Array) -> Int8:
    """Every step in float32; exp is that of float64, rounded: C libraries' expf has an error of less than 0.51 ulp."""
    one, half = np.float32(1), np.float32(0.5)
    real = op.input.scale * (x.astype(np.int64) - op.input.zero_point).astype(np.float32)
    below = np.exp(np.minimum(real, 0).astype(np.float64)).astype(np.float32) - one
    steps = np.where(real < 0, below, real) * (one / op.output.scale)
    whole = np.trunc(steps)
    rounded = whole + np.sign(steps) * (np.abs(steps - whole) >= half)  # ties away from zero
    return stored((rounded + np.float32(op.output.zero_point)).astype(np.int64))


def case(random: np.random.Generator) -> Elu:
    scale = float(random.choice([float(np.exp(random.uniform(-5, 0))), cases.scale(random), 2.0**-20, 2.0**20]))
    return Elu("elu", *case_ends(random, -9, 9, scale))


ELU = Operator(
    Elu, "elu", "Each value; exp(x) − 1 of those below 0.", reader(Elu), (one_result, same_shape, scales_fit), infer,
    case, lambda _op: Written("ELU"), "AddElu",
)  # fmt: skip
