"""The commands that the pages show, run as they stand, page by page, in a folder with the files that they name."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests.tasks.conftest import Run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
#: Of these pages in every run of the tests.
SAMPLE = ("reports.md",)
#: What cannot run in seconds and offline, and what it needs. All other lines run.
NEEDS = {
    r"^(?!tinyprune )|\| sudo ": "another program",
    r"^tinyprune (flash|monitor)\b| --port | --microphone ": "a board",
    r"^tinyprune (train|audio)\b| --samples |bench\.jsonl|words/": "recordings",
    r"^tinyprune sweep\b": "minutes",
    r" --runtime tflm": "TensorFlow Lite Micro",
    r"net\.pt2|^tinyprune quantize pruned\.tflite --data|^tinyprune build .*int8\.tflite --project": "PyTorch",
    r" --emulator qemu": "QEMU",
    r"baseline\.json": "the report of an earlier build",
}


def commands(page: Path) -> list[str]:
    """A line each, as the reader types them, that need nothing which is not there."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and needs(line.strip()) is None]


def needs(line: str) -> str | None:
    return next((what for pattern, what in NEEDS.items() if re.search(pattern, line)), None)


RUNNABLE = {page.name: found for page in PAGES if (found := commands(page))}


@pytest.fixture
def files(tmp_path: Path) -> None:
    """What the pages name: networks, int8 and float, inputs and classes."""
    from tf_keras import Sequential, layers, utils

    from tinyprune.training.quantize import convert_float

    utils.set_random_seed(0)
    network = Sequential(
        [
            layers.Input((8, 6, 4)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(4, activation="softmax", name="dense"),
        ]
    )
    network.save(tmp_path / "model.keras")
    (tmp_path / "float.tflite").write_bytes(convert_float(network))
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(64, 8, 6, 4)).astype(np.float32))
    np.save(tmp_path / "y.npy", np.random.default_rng(2).integers(0, 4, 64))


@pytest.fixture
def int8(files: None, run: Run) -> None:  # noqa: ARG001 (writes the models)
    """`model.tflite`, of the same network, and `net.tflite`."""
    assert run("quantize", "model.keras", "--calibration", "x.npy", "-o", "model.tflite", "-q")[0] == 0
    Path("net.tflite").write_bytes(networks.ds_cnn())


def test_the_pages_have_commands_that_run() -> None:
    assert sum(map(len, RUNNABLE.values())) > 30
    assert set(SAMPLE) < set(RUNNABLE)


@pytest.mark.usefixtures("int8")
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize(
    "page", [pytest.param(name, marks=() if name in SAMPLE else pytest.mark.slow) for name in RUNNABLE]
)
def test_the_commands_of_a_page_run(page: str, run: Run) -> None:
    for line in RUNNABLE[page]:
        code, _, err = run(*shlex.split(line, comments=True)[1:])
        assert code == 0, f"{line}\n{err}"
