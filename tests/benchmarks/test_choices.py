"""The kernel that lowering chooses is the fastest, or within 3 % of it, by running the others as well."""

from pathlib import Path

import pytest

from benchmarks import choices
from benchmarks.layer_runs import Bench, roomy
from tests import networks

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]


@pytest.mark.parametrize("core", ["m3", pytest.param("m0plus", marks=pytest.mark.slow)])
def test_chosen_kernels_are_the_fastest(core: str, tmp_path: Path) -> None:
    models = {"a": networks.every_operator(), "b": networks.ds_cnn(pruned=False), "c": networks.ds_cnn()}
    for name, model in models.items():
        (tmp_path / f"{name}.tflite").write_bytes(model)
    ops = choices.layers_to_choose(sorted(tmp_path.glob("*.tflite")), roomy(core))
    found = list(choices.measure(ops, Bench(core, None, tmp_path / "cache")))
    assert len(found) == len(ops) > 10
    assert all(len(one.cycles) > 1 for one in found)
    wrong = [one for one in found if one.ratio > choices.ALLOWED]
    assert not wrong, choices.markdown(wrong)


def test_a_wrong_choice_is_told() -> None:
    found = [
        choices.Choice("Conv2D 1", "tp_a", {"tp_a": 110, "tp_b": 100}),
        choices.Choice("Conv2D 2", "tp_a", {"tp_a": 1, "tp_b": 2}),
    ]
    lines = choices.markdown(found).splitlines()
    assert lines[2] == "| 1.10 | 110 | `tp_a` | `tp_b` | Conv2D 1 |"
    assert lines[-1] == "1 of 2 layers are within 3 % of the fastest."
