"""Fused activations: what clamps an operator's result, as bounds of stored values."""

from collections.abc import Callable
from math import isfinite

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Activation

#: Name → real-valued (lower, upper) bound.
ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}


def activation_name(node: Node, options_name: str) -> str:
    """The fused activation as the schema names it; "NONE" where the operator has no options."""
    from tflite import ActivationFunctionType

    options = node.options_or_none(options_name)
    number = 0 if options is None else options.FusedActivationFunction()
    return next((n for n, code in vars(ActivationFunctionType).items() if code == number), f"number {number}")


def clamp(node: Node, options_name: str, output: Activation) -> tuple[int, int]:
    """(activation_min, activation_max) of an operator whose fused activation is one of ACTIVATIONS."""
    return bounds_of(ACTIVATIONS[activation_name(node, options_name)], output)


def bounds_of(reals: tuple[float | None, float | None], output: Activation) -> tuple[int, int]:
    """Real-valued bounds as stored values of a result."""
    return stored_bounds(reals, output.scale, output.zero_point, output.limits)


def stored_bounds(
    reals: tuple[float | None, float | None], scale: np.float32, zero_point: int, limits: tuple[int, int] = (-128, 127)
) -> tuple[int, int]:
    """Real-valued bounds as stored values; float32 arithmetic and rounding half away from zero, as TFLite does it."""
    low, high = limits

    def stored(real: float | None, limit: int) -> int:
        if real is None:
            return limit
        with np.errstate(over="ignore"):  # a scale near 0
            steps = np.float32(real) / scale
        rounded = int(np.sign(steps) * np.floor(abs(steps) + np.float32(0.5))) if isfinite(steps) else limit * 256
        return min(high, max(low, zero_point + rounded))

    return stored(reals[0], low), stored(reals[1], high)


def clamped(options_name: str) -> Callable[[Node], str | None]:
    """The rule about the fused activation, for operators with these options."""

    def rule(node: Node) -> str | None:
        """The fused activation is NONE, RELU, RELU_N1_TO_1 or RELU6."""
        name = activation_name(node, options_name)
        return None if name in ACTIVATIONS else f"it has the fused activation {name}"

    return rule


def code(low: int, high: int, output: Activation) -> int:
    """The schema's number of the fused activation that gives these bounds. Raises ValueError where none does."""
    from tflite import ActivationFunctionType

    for name, reals in ACTIVATIONS.items():
        if bounds_of(reals, output) == (low, high):
            return int(getattr(ActivationFunctionType, name))
    raise ValueError(f"no fused activation clamps to {low} … {high}")
