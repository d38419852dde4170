"""The error of a share is as large as shares of other groups of speakers scatter."""

import numpy as np
import pytest

from tinyprune.measure import standard_error


def test_it_is_how_shares_of_other_speakers_scatter() -> None:
    """Each of 20 speakers has a share of their own and says 10 words."""
    rng = np.random.default_rng(0)
    shares, errors = [], []
    for _ in range(400):
        right = (rng.random((20, 10)) < rng.choice([0.4, 1.0], (20, 1))).reshape(-1)
        shares.append(right.mean())
        errors.append(standard_error.of_share(right, np.repeat(np.arange(20), 10).astype(str).tolist()))
    assert np.mean(errors) == pytest.approx(np.std(shares), rel=0.1)


def test_clips_by_themselves_are_independent_and_all_right_is_not_certain() -> None:
    right = np.arange(100) < 90
    assert standard_error.of_share(right, [str(n) for n in range(100)]) == pytest.approx(0.03, rel=0.05)
    assert standard_error.of_share(np.ones(8, bool), list("abcdefgh")) == pytest.approx(0.106, abs=0.001)
    assert standard_error.of_share(right, ["anna"] * 100) == pytest.approx(0.03, rel=0.05)
