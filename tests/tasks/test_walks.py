"""What a new user walks, command by command: from an own model to C that answers right, without a dead end."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tasks.conftest import Run
from tinyprune.compiler import oracle, reader, samples

MAIN = """
#include <stdio.h>
#include "tinyprune_net.h"

static _Alignas(16) uint8_t arena[NET_ARENA_BYTES];

int main(void) {
    if (net_init(arena) != 0) return 2;
    while (fread(net_input(arena), 1, NET_INPUT_BYTES, stdin) == NET_INPUT_BYTES) {
        net_invoke(arena);
        fwrite(net_output(arena), 1, NET_OUTPUT_BYTES, stdout);
    }
    return 0;
}
"""
LISTS = """
cmake_minimum_required(VERSION 3.21)
project(mine C)
add_subdirectory(build/host/project network)
add_executable(mine main.c)
target_link_libraries(mine PRIVATE tinyprune_net)
"""


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_an_own_tflite_becomes_checked_firmware_in_two_commands(run: Run, model: Path) -> None:
    code, out, _ = run("check", str(model), "--board", "nano33")
    assert (code, out.startswith("RUNS  ")) == (0, True)
    code, out, _ = run("build", "--board", "nano33", "--model", str(model))
    assert (code, out.startswith("OK  fits nano33")) == (0, True)
    assert "64 of 64 outputs are bit-identical to TFLite Micro" in out
    assert Path("build/nano33/firmware.bin").stat().st_size > 10_000


def residual(layers: Any, x: Any) -> Any:
    """What engineers bring first: max pooling, batch norm, a residual, global pooling."""
    x = layers.Conv2D(8, 3, padding="same", name="first")(x)
    x = layers.MaxPooling2D(name="pool")(layers.ReLU(name="act")(layers.BatchNormalization(name="norm")(x)))
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="inner")(x)
    x = layers.ReLU(name="out")(layers.Add(name="add")([x, layers.Conv2D(8, 1, name="skip")(y)]))
    return layers.Dense(4, activation="softmax", name="classes")(layers.GlobalAveragePooling2D(name="gap")(x))


@pytest.mark.compiler
def test_a_keras_3_model_becomes_c_in_an_own_cmake_project_in_six_commands(run: Run) -> None:
    import keras

    _need("cmake", "gcc")
    keras.utils.set_random_seed(0)
    x = keras.layers.Input((12, 10, 3))
    network = keras.Model(x, residual(keras.layers, x))
    network.save("net.keras")
    inputs = np.random.default_rng(0).normal(size=(96, 12, 10, 3)).astype(np.float32)
    _walk(run, "net.keras", inputs, network.predict(inputs, verbose=0).argmax(axis=1))


@pytest.mark.compiler
@pytest.mark.filterwarnings("ignore")  # of PyTorch and its converter
def test_a_pytorch_network_becomes_c_in_an_own_cmake_project_in_six_commands(run: Run) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("litert_torch", reason="litert-torch is not installed")
    _need("cmake", "gcc")
    torch.manual_seed(0)
    nn = torch.nn

    class Network(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
            self.inner, self.skip = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1)
            self.pool, self.classes = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 4)

        def forward(self, x: Any) -> Any:
            x = nn.functional.max_pool2d(torch.relu(self.norm(self.first(x))), 2)
            x = torch.relu(x + self.skip(torch.relu(self.inner(x))))
            return self.classes(self.pool(x).flatten(1))

    network = Network().eval()
    inputs = torch.randn(96, 3, 12, 10)
    torch.export.save(torch.export.export(network, (inputs[:1],)), "net.pt2")
    with torch.no_grad():
        _walk(run, "net.pt2", inputs.numpy(), network(inputs).argmax(dim=1).numpy())


def _need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def _walk(run: Run, model: str, inputs: np.ndarray, classes: np.ndarray) -> None:
    """Six commands; then the user's own program answers as TFLite Micro does."""
    np.save("x.npy", inputs)
    np.save("y.npy", classes)
    Path("main.c").write_text(MAIN)
    Path("CMakeLists.txt").write_text(LISTS)
    code, out, _ = run("check", model, "--board", "host")
    assert (code, out.startswith("RUNS  ")) == (0, True)
    pruned = ["--pattern", "2:4", "--data", "x.npy", "-o", "net.h5" if model.endswith("keras") else "pruned.tflite"]
    code, out, err = run("prune", model, *pruned)
    assert (code, "2:4 along taps" in out) == (0, True), err
    code, out, err = run("quantize", pruned[-1], "--data", "x.npy", "--labels", "y.npy", "-o", "net.tflite")
    assert (code, "int8 is right on" in out) == (0, True), err
    made = ["--model", "net.tflite", "--project", "cmake", "--html", "page.html"]
    code, out, err = run("build", "--board", "host", *made)
    assert (code, "64 of 64 outputs are bit-identical" in out) == (0, True), err
    assert "2:4" in Path("page.html").read_text(encoding="utf-8")
    for command in (["cmake", "-B", "own"], ["cmake", "--build", "own"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    content = Path("net.tflite").read_bytes()
    graph = reader.read(content)
    rows = samples.make(graph, 8)
    wanted, _ = oracle.expected(content, graph, rows)
    answers = subprocess.run(["own/mine"], input=rows.tobytes(), capture_output=True, check=True).stdout
    assert answers == wanted.tobytes()
