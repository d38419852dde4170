"""Networks that are no chains, from a .tflite to firmware and back: built, run, benchmarked, called from C and C++."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.graphs import NETWORKS, STATEFUL, Build, Network
from tests.random_graphs import mixed_network
from tests.tasks.conftest import Run
from tinyprune.compiler import edges, oracle, reader, samples
from tinyprune.compiler.graph import Edge
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.protocol import Device
from tinyprune.firmware import output
from tinyprune.measure import benchmark
from tinyprune.measure.report import BuildReport
from tinyprune.tasks.build import BuildRequest, run_build

pytestmark = [pytest.mark.compiler, pytest.mark.emulator, pytest.mark.tflm]
STEPS = 220
ZIG = [sys.executable, "-m", "ziglang"]


def quiet(_stage: str) -> None:
    pass


def built(folder: Path, name: str, board: str, network: Network | None = None, **more: object) -> BuildReport:
    path = folder / f"{name}.tflite"
    path.write_bytes((network or NETWORKS[name]()).file)
    request = BuildRequest(boards.load(board), folder / "out", path, **more)  # type: ignore[arg-type]
    return run_build(request, quiet)


#: A part of the slow run on each core.
MIXED = [("host", range(3)), ("nano33", range(3, 6)), ("pico", range(6, 8))]
MORE = [pytest.param(board, range(100, 130), marks=pytest.mark.slow) for board, _ in MIXED]


@pytest.mark.parametrize(("board", "seeds"), [*MIXED, *MORE], ids=str)
def test_firmware_of_any_operators_answers_as_tflite_micro(tmp_path: Path, board: str, seeds: range) -> None:
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert built(folder, f"mixed_{seed}", board, mixed_network(seed), compared_inputs=5).bit_exact, seed


@pytest.mark.parametrize("board", ["nano33", "host"])
@pytest.mark.parametrize("name", NETWORKS)
def test_firmware_answers_as_tflite_micro(tmp_path: Path, name: str, board: str) -> None:
    report = built(tmp_path, name, board, compared_inputs=STEPS if name in STATEFUL else 20)
    assert report.bit_exact
    graph = reader.read((tmp_path / "out/model.tflite").read_bytes())
    assert [end.name for end in report.inputs] == list(graph.input_names)
    assert [end.shape for end in report.outputs] == [tensor.shape for tensor in graph.outputs]
    assert (report.state_bytes > 0) == (name in STATEFUL)
    if board == "nano33":
        assert sum(layer.modelled_cycles or 0 for layer in report.layers) <= (report.modelled_cycles or 0)


def test_lost_answers_of_a_network_that_remembers_are_made_up_for(tmp_path: Path) -> None:
    """After a line that failed, everything since the reset is run again."""
    from tinyprune.errors import TargetError

    built(tmp_path, "streaming", "nano33", run=False)
    board = boards.load("nano33")
    image, model = output.load(tmp_path / "out", board)
    graph = reader.read(model)
    inputs = samples.make(graph, 12, seed=3)
    plan = benchmark.Plan(inputs, image.model_sha256[:16], oracle.infer(model, inputs), stateful=True, warmup=2)
    failures = iter([4, 9])
    fail_at = next(failures)
    infer = Device.infer

    def failing(self: Device, *arguments: object) -> int:
        nonlocal fail_at
        time_us = infer(self, *arguments)  # type: ignore[arg-type]
        fail_at -= 1
        if fail_at == 0:
            fail_at = next(failures, -1)
            raise TargetError("an answer was lost")
        return time_us

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Device, "infer", failing)
        outcome = benchmark.measure(lambda: EMULATORS["sim"](image, board), plan)
    assert outcome.failure is None
    assert outcome.repeated == 2
    np.testing.assert_array_equal(outcome.outputs, plan.expected)


def test_bench_takes_inputs_by_name(tmp_path: Path, run: Run) -> None:
    built(tmp_path, "two_by_two", "nano33", run=False)
    random = np.random.default_rng(0)
    np.save(tmp_path / "p.npy", random.integers(-128, 128, (3, 4, 5, 3)).astype(np.int8))
    np.save(tmp_path / "m.npy", random.normal(size=(3, 6)).astype(np.float32))
    np.save(tmp_path / "two.npy", random.normal(size=(2, 6)).astype(np.float32))
    bench = ("bench", "--board", "nano33", "--build", str(tmp_path / "out"), "--no-clock", "--json", "-q")
    picture, motion = (f"{name}={tmp_path / file}" for name, file in (("picture", "p.npy"), ("motion", "m.npy")))
    code, out, err = run(*bench, "--inputs", motion, "--inputs", picture)
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["inputs"], report["inputs_equal"]) == (3, 3)
    refused = {
        (
            f"moton={tmp_path / 'm.npy'}",
            picture,
        ): 'no input "moton"; did you mean "motion"? Its inputs: "picture", "moti',
        (picture,): 'nothing is given for input "motion": --inputs "motion=x.npy"',
        (picture, picture): 'input "picture" is given twice',
        (str(tmp_path / "p.npy"),): f'which input? give NAME={tmp_path / "p.npy"}; the network\'s inputs: "picture"',
        ("picture=no.npy", motion): "no.npy: no such file or folder",
    }
    for given, message in refused.items():
        code, _, err = run(*bench, *(word for path in given for word in ("--inputs", path)))
        assert (code, message in err) == (2, True), err
    code, _, err = run(*bench, "--inputs", picture, "--inputs", f"motion={tmp_path / 'two.npy'}")
    assert (code, "every input needs as many samples as the others" in err) == (1, True)
    code, _, err = run(*bench, "--samples", str(tmp_path))
    assert (code, "--samples needs a network of one input and one output; this one has 2 inputs" in err) == (1, True)


def test_what_goes_with_one_input_is_refused_for_several(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "two.tflite"
    path.write_bytes(NETWORKS["two_by_two"]().file)
    build = ("build", "--board", "nano33", "--model", str(path), "-o", str(tmp_path / "o"), "-q")
    code, _, err = run(*build, "--audio", "--class-names", "a,b")
    assert (code, "--audio needs a network of one input and one output" in err) == (1, True)


MAIN = """
#include <stdio.h>
#include "network.h"
#ifdef __cplusplus
alignas(16) static uint8_t arena[TP_NETWORK_ARENA_BYTES];
#else
static _Alignas(16) uint8_t arena[TP_NETWORK_ARENA_BYTES];
#endif
#define READ(input, bytes, zero_point, scale, type) if (fread(input(arena), 1, bytes, stdin) != bytes) return 1;
#define WRITE(output, bytes, zero_point, scale, type) fwrite(output(arena), 1, bytes, stdout);
int main(void) {
#if TP_NETWORK_STATE_BYTES > 0
    tp_network_reset(arena);
#endif
    for (int turn = 0; turn < 5; turn++) {
        TP_NETWORK_EACH_INPUT(READ)
        tp_network_run(arena);
        TP_NETWORK_EACH_OUTPUT(WRITE)
    }
    return 0;
}
"""


@pytest.mark.parametrize("name", ["two_by_two", "streaming", "branches"])
def test_the_c_interface_serves_any_network(tmp_path: Path, name: str) -> None:
    """The same program for each of them, as C; its text as C++ compiles too."""
    built(tmp_path, name, "host", run=False)
    project = tmp_path / "out/project"
    folders = [f"-I{project / folder}" for folder in ("network", "runtime/include")]
    for suffix in ("c", "cpp"):
        (tmp_path / f"main.{suffix}").write_text(MAIN)
    strict = ["-Wall", "-Wextra", "-Werror"]
    sources = [str(path) for folder in ("network", "runtime/src") for path in (project / folder).glob("*.c")]
    command = [*ZIG, "cc", "-std=c11", *strict, *folders, str(tmp_path / "main.c"), *sources]
    subprocess.run([*command, "-o", str(tmp_path / "main")], check=True)
    subprocess.run(
        [*ZIG, "c++", "-c", *strict, *folders, str(tmp_path / "main.cpp"), "-o", str(tmp_path / "cpp.o")], check=True
    )
    model = (tmp_path / "out/model.tflite").read_bytes()
    inputs = samples.make(reader.read(model), 9)[-5:]
    done = subprocess.run([tmp_path / "main"], input=inputs.tobytes(), capture_output=True, check=True)
    assert done.stdout == oracle.infer(model, inputs).tobytes()


HELPERS = r"""
#include <stdio.h>
#include "network.h"
int main(void) {
    float real;
    for (int stored = LOW; stored <= -(LOW + 1); stored++) {
        const float value = tp_network_output_to_real((STORED)stored);
        fwrite(&value, sizeof value, 1, stdout);
    }
    while (fread(&real, sizeof real, 1, stdin) == 1) {
        const STORED stored = tp_network_input_from_real(real);
        fwrite(&stored, sizeof stored, 1, stdout);
    }
    return 0;
}
"""


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_the_header_converts_real_values_as_tflite_micro_does(tmp_path: Path, dtype: str) -> None:
    """Against the table that DEQUANTIZE follows, and QUANTIZE's arithmetic, at halves and beside them."""
    b = Build(3, dtype)
    x = b.tensor((3, 3, 4))
    network = b.network([x], [b.conv(x, 5, (3, 3))])
    built(tmp_path, "converts", "host", network, run=False)
    graph, low = network.graph, int(np.iinfo(dtype).min)
    project, (source, target) = tmp_path / "out/project", (graph.inputs[0], graph.outputs[0])
    (tmp_path / "main.c").write_text(HELPERS)
    folders = [f"-I{project / folder}" for folder in ("network", "runtime/include")]
    command = [*ZIG, "cc", "-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", *folders]
    command += [f"-DSTORED={dtype}_t", f"-DLOW=({low})"]
    subprocess.run([*command, str(tmp_path / "main.c"), "-o", str(tmp_path / "main")], check=True)
    halves = (np.arange(6 * low, -6 * low) / 2).astype(np.float32) * source.scale
    beside = [np.nextafter(halves, np.float32(limit)) for limit in (-np.inf, np.inf)]
    far = np.array([np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0], np.float32)
    reals = np.concatenate([halves, *beside, far, np.random.default_rng(1).normal(0, 9, 5000).astype(np.float32)])
    done = subprocess.run([tmp_path / "main"], input=reals.tobytes(), capture_output=True, check=True)
    scale, zero_point = float(source.scale), source.zero_point
    edge = Edge("float32", 1.0, 0, np.zeros(-2 * low, np.float32))
    assert done.stdout[-8 * low :] == edges.quantized(edge, reals, scale, zero_point).tobytes()
    stored = np.arange(low, -low)
    assert done.stdout[: -8 * low] == (float(target.scale) * (stored - target.zero_point)).astype(np.float32).tobytes()
