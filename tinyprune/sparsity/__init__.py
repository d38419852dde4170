"""Sparsity patterns: one a file, with mask, pack and unpack together.

A pattern is discovered from the weights, never carried in a side file, so a model pruned by any tool is welcome.
"""

import numpy as np
import numpy.typing as npt

from tinyprune.sparsity import two_of_four

DENSE = "dense"
ANY = "any"  # of a kernel that takes weights of every pattern
TWO_OF_FOUR = "2:4"

#: Pattern name → the module with `mask(weights)` and `matches(weights)` for a matrix `[out_channels, taps]`.
PATTERNS = {TWO_OF_FOUR: two_of_four}


def discover(weights: npt.NDArray[np.generic]) -> str:
    """The strictest pattern that `[out_channels, taps]` follows; "dense" where it follows none or has no whole
    group."""
    if weights.shape[1] < two_of_four.GROUP:
        return DENSE
    return next((name for name, pattern in PATTERNS.items() if pattern.matches(weights)), DENSE)
