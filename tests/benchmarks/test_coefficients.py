"""Coefficients of kernels: fitted to what the cycle model says, and those in the file say it still."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import choices, coefficients
from benchmarks.layer_runs import Bench, roomy
from tests import networks
from tinyprune.compiler.kernels import KERNELS
from tinyprune.compiler.kernels.profiled import Profiled, cycles
from tinyprune.compiler.kernels.profiled import coefficients as in_file

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]


def test_a_fit_finds_what_was_there() -> None:
    random = np.random.default_rng(3)
    works = [tuple(row) for row in random.integers(0, 50, (40, 3)).astype(float)]
    taken = [round(100 + 7 * a + 12.5 * b) for a, b, _ in works]
    found = coefficients.fit([(1.0, *work) for work in works], taken)
    assert np.allclose(found, (100, 7, 12.5, 0), rtol=0.02, atol=0.05)


def test_every_profiled_kernel_has_its_coefficients() -> None:
    profiled = {kernel.name for kernel in KERNELS if isinstance(kernel.cycles, Profiled)}
    assert profiled == in_file().keys()


def test_kernels_take_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(networks.ds_cnn(pruned=False))
    board = roomy(coefficients.CORE)
    several = choices.layers_to_choose([tmp_path / "a.tflite"], board)
    ops = [op for op in several if coefficients.profiled_kernels(op, board)]
    taken = choices.measure(ops, Bench(coefficients.CORE, None, tmp_path), coefficients.profiled_kernels)
    works = coefficients.works_of((op, one.cycles) for op, one in zip(ops, taken, strict=True))
    apart = {name: cycles(name, work) / found for name, layers in works.items() for work, found in layers}
    assert len(apart) >= 3
    assert all(0.8 < ratio < 1.25 for ratio in apart.values()), apart
