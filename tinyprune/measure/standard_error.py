"""How far a share that was measured on a few may be from that of all."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def of_share(right: npt.NDArray[np.bool_], groups: Sequence[str]) -> float:
    """Standard error of the share of `right` `[samples]`, where samples of a group stand and fall together.

    It is the larger one of two: between groups (Cochran, "Sampling Techniques", 9A.8), and that of independent samples
    with one more of either kind (Laplace's rule), so that all right of a few is no certainty.
    """
    count = len(right)
    guess = (int(right.sum()) + 1) / (count + 2)
    alone = math.sqrt(guess * (1 - guess) / count)
    number = np.unique(groups, return_inverse=True)[1]
    apart = np.bincount(number, right - right.mean())
    between = math.sqrt((apart**2).sum() * len(apart) / max(1, len(apart) - 1)) / count
    return max(alone, between)
