"""Sparsity patterns: which weights of a layer may be other than zero, and how those are packed.

A pattern is discovered from the weights, never carried in a side file, so a model pruned by any tool is welcome. Its
weights are a matrix `[out_channels, taps]`, taps being kernel_height × kernel_width × in_channels with in_channels
fastest.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.sparsity import two_of_four, unstructured
from tinyprune.compiler.sparsity.nm import NM
from tinyprune.compiler.sparsity.unstructured import Threshold, Unstructured

__all__ = [
    "ANY", "DENSE", "IMPLIED", "NM", "STRUCTURED", "TWO_OF_FOUR", "Pattern", "Threshold", "Unstructured", "discover",
    "parse", "takes",
]  # fmt: skip

Pattern: TypeAlias = NM | Unstructured | Threshold

DENSE = "dense"
ANY = "any"  # of a kernel that takes weights of every pattern
TWO_OF_FOUR = two_of_four.PATTERN.name

#: What `discover` looks for, strictest first.
STRUCTURED = (NM(1, 4), NM(2, 4, 4), NM(2, 4, 2), NM(2, 4))
#: Discovered pattern → the looser ones that its weights follow as well: kernels for those may run them.
IMPLIED: Mapping[str, frozenset[str]] = {
    "1:4": frozenset({"2:4g2", TWO_OF_FOUR}),
    "2:4g4": frozenset({"2:4g2", TWO_OF_FOUR}),
    "2:4g2": frozenset({TWO_OF_FOUR}),
}


def discover(weights: npt.NDArray[np.generic]) -> str:
    """The strictest pattern that `[out_channels, taps]` follows.

    "unstructured" for many zeros in none of them, "dense" for few zeros or no whole group.
    """
    rows, taps = weights.shape
    if taps < two_of_four.GROUP:
        return DENSE
    if not weights.any():
        return TWO_OF_FOUR  # zeros follow every pattern and are evidence of none
    found = (pattern.name for pattern in STRUCTURED if rows >= pattern.channels and pattern.matches(weights))
    return next(found, unstructured.NAME if unstructured.matches(weights) else DENSE)


def takes(kernel_pattern: str, pattern: str) -> bool:
    """Whether a kernel for one pattern computes weights in which another one was discovered."""
    return kernel_pattern in (pattern, DENSE, ANY) or kernel_pattern in IMPLIED.get(pattern, ())


def parse(text: str) -> Pattern:
    """`2:4`, `2:4g2`, `unstructured-75` (per cent), `threshold-0.8` (standard deviations). Raises ValueError."""
    if found := re.fullmatch(r"(\d+):(\d+)(?:g(\d+))?", text):
        kept, group, channels = (int(number or 1) for number in found.groups())
        return NM(kept, group, channels)
    if found := re.fullmatch(r"(unstructured|threshold)-(\d+(?:\.\d+)?)", text):
        return Unstructured(float(found[2]) / 100) if found[1] == unstructured.NAME else Threshold(float(found[2]))
    raise ValueError(
        f"unknown pattern {text!r}: give N:M such as 2:4, grouped N:M such as 2:4g2, "
        "unstructured-75 (per cent) or threshold-0.8 (standard deviations)"
    )
