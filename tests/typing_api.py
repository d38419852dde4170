"""What a type checker knows of the Python API: read by mypy (pyproject.toml), never run."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np

import tinyprune
from tinyprune import BuildReport, DoesNotFit, PruneReport, TinypruneError


class Keras:
    """As much of a Keras model as can be told without its types."""

    def get_config(self) -> dict[str, Any]:
        return {}


def reports_are_typed() -> None:
    report = tinyprune.build("m.tflite", board="nano33", output=Path("out"), optimize="size")
    assert_type(report, BuildReport)
    assert_type(report.modelled_cycles, int | None)
    assert_type(report.layers[0].name, str)
    assert_type(tinyprune.check("m.tflite").boards[0].cycles, int | None)
    bench = tinyprune.bench("nano33", inputs={"x": np.zeros((4, 8), np.int8), "y": "y.npy"})
    assert_type(bench.report.bit_exact, bool)
    assert bench.report.latency is not None
    assert_type(bench.report.latency.median_us, float)
    assert_type(bench.regressions[0].worse, bool)
    assert_type(tinyprune.flash("nano33").verified, bool)
    assert_type(tinyprune.audio("nano33", ["yes.wav", Path("no")]).accuracy_percent, float | None)
    assert_type(tinyprune.doctor().works, bool)
    assert_type(tinyprune.init_ci(["nano33", tinyprune.board("host")]).workflow, Path)
    assert_type(tinyprune.fetch_data("data"), Path)
    assert_type(tinyprune.sweep("m.keras", board="nano33", data=np.zeros((40, 8))).points[0].quality, float)
    with tinyprune.emulate("nano33", tcp=("127.0.0.1", 0)) as emulated:
        assert_type(emulated.device, str)


def boards_and_networks_are_typed() -> None:
    assert_type([board.cpu.clock_hz for board in tinyprune.boards()], list[int])
    assert_type([entry.labels for entry in tinyprune.zoo()], list[tuple[str, ...]])


def models_in_memory_are_taken() -> None:
    pruned = tinyprune.prune(Keras(), "2:4", data=np.zeros((40, 8)))
    assert_type(pruned, PruneReport)
    assert_type(pruned.layers[0].zeros, int)
    assert_type(tinyprune.quantize(pruned.model, np.zeros((40, 8))).tflite, bytes)
    tinyprune.prune(np.zeros(3), "2:4")  # type: ignore[arg-type]


def errors_are_typed() -> None:
    try:
        tinyprune.build(board="nano33")
    except DoesNotFit as error:
        assert_type(error.exit_code, int)
    except TinypruneError as error:
        assert_type(error, TinypruneError)


def progress_is_typed() -> None:
    stages: list[str] = []
    tinyprune.build(board="nano33", progress=stages.append)
    tinyprune.flash("nano33", progress=stages.append)  # type: ignore[arg-type]


def mistakes_are_seen() -> None:
    tinyprune.bild("m.tflite")  # type: ignore[attr-defined]
    tinyprune.build("m.tflite")  # type: ignore[call-arg]
    tinyprune.build(board="nano33", optimize="fast")  # type: ignore[arg-type]
