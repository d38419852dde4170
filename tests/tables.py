"""Large tables of cases: a sample by default, all of them with `pytest -m slow` besides."""

from collections.abc import Sequence
from itertools import product

import pytest
from _pytest.mark import ParameterSet


def half(*axes: Sequence[object]) -> list[ParameterSet]:
    """Every case of the axes; of them, as on a chessboard, those of one colour are slow.

    The others still have each value of two axes, and each pair of values of three.
    """
    cases = []
    for places in product(*(range(len(axis)) for axis in axes)):
        marks = [pytest.mark.slow] if sum(places) % 2 else []
        cases.append(pytest.param(*(axis[place] for axis, place in zip(axes, places, strict=True)), marks=marks))
    return cases
