"""`build` and `bench` as functions: every compiler, the board and the PC, byte for byte against TFLite Micro."""

import functools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import graphs, networks
from tests.conftest import COMPILERS
from tests.device.emulators import firmware
from tests.tables import half
from tinyprune import __version__, files
from tinyprune.cli import show
from tinyprune.compiler import lower, oracle, reader, samples
from tinyprune.device import boards, emulators
from tinyprune.device.firmware import FORMAT
from tinyprune.device.protocol import Device
from tinyprune.errors import DoesNotFit, MemoryExceeded, MissingDependency, ModelError, TargetError, UsageError
from tinyprune.firmware import build, codegen, output, toolchain
from tinyprune.measure.verdict import of_build
from tinyprune.tasks import bench as bench_task
from tinyprune.tasks import build as build_task
from tinyprune.tasks import runtimes
from tinyprune.tasks.build import BuildRequest
from tinyprune.training import zoo

pytestmark = pytest.mark.compiler


def quiet(_stage: str) -> None:
    pass


def request(board: str, folder: Path, model: Path, **more: object) -> BuildRequest:
    return BuildRequest(boards.load(board), folder / "out", model, **more)  # type: ignore[arg-type]


@pytest.mark.emulator
@pytest.mark.tflm
def test_nano33_firmware_answers_as_tflite_micro(tmp_path: Path, model: Path, compiler: str) -> None:
    report = build_task.run_build(request("nano33", tmp_path, model, compiler=compiler), quiet)
    assert report.bit_exact
    assert report.inputs_compared == report.inputs_equal == 64
    assert report.reference is not None
    assert "TFLite Micro" in report.reference
    assert compiler in report.compiler
    assert report.fits
    assert 0 < report.flash_bytes < 40_000
    assert report.arena_bytes < report.ram_bytes < 10_000
    assert report.stack_bytes is not None
    assert 0 < report.stack_bytes < 2_000
    assert [layer.pattern for layer in report.layers] == ["2:4", "dense", "2:4", "dense", "2:4", "dense"]
    assert report.modelled_cycles is not None
    assert report.instructions is not None
    assert all(layer.instructions and layer.modelled_cycles for layer in report.layers)
    between = report.instructions - sum(layer.instructions or 0 for layer in report.layers)
    assert 0 < between < 100
    written = {path.name for path in (tmp_path / "out").iterdir()} - {".tinyprune.json", ".tinyprune.zip"}
    assert written == {
        "firmware.elf",
        "firmware.hex",
        "firmware.bin",
        "model.tflite",
        "project",
        "renode",
        "report.json",
    }


@pytest.mark.emulator
@pytest.mark.tflm
@pytest.mark.parametrize(
    ("compiler", "shape", "optimize"),
    half(COMPILERS, ["classes", "map", "dense"], ["speed", "size"]),
    indirect=["compiler"],
)
def test_five_wide_networks_answer_as_tflite_micro(tmp_path: Path, compiler: str, shape: str, optimize: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(networks.ds_cnn(pruned=shape != "dense", tail=shape != "map"))
    report = build_task.run_build(request("nano33", tmp_path, path, compiler=compiler, optimize=optimize), quiet)
    assert report.bit_exact
    assert "row" in {layer.layout for layer in report.layers}


@pytest.mark.emulator
@pytest.mark.tflm
@pytest.mark.parametrize(
    ("data", "cycles_a_mac"),
    [
        pytest.param(networks.mobile_net(32, pruned=True), 2.5, marks=pytest.mark.slow, id="mobile net"),
        pytest.param(networks.autoencoder(), 2.5, id="autoencoder"),
    ],
)
def test_networks_that_are_no_keyword_spotters_run_dsp_kernels(
    tmp_path: Path, data: bytes, cycles_a_mac: float
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    report = build_task.run_build(request("nano33", tmp_path, path), quiet)
    assert report.bit_exact
    portable = {layer.op for layer in report.layers if layer.kernel.endswith("_c") and layer.macs > 1000}
    assert not portable
    assert report.modelled_cycles is not None
    assert report.modelled_cycles < cycles_a_mac * report.macs


@pytest.mark.emulator
@pytest.mark.tflm
def test_a_core_without_dsp_answers_as_tflite_micro(tmp_path: Path, compiler: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(networks.ds_cnn())
    board = boards.load(str(Path(__file__).parents[2] / "benchmarks/boards/m0plus.toml"))
    report = build_task.run_build(BuildRequest(board, tmp_path / "out", path, compiler=compiler), quiet)
    assert report.bit_exact
    assert report.cost_model is not None
    assert "M0+" in report.cost_model
    assert not [layer.kernel for layer in report.layers if layer.kernel.endswith("_dsp")]


@pytest.mark.emulator
@pytest.mark.tflm
@pytest.mark.parametrize(("core", "dsp"), [("m3", False), ("m33", True), ("m7", True)])
def test_other_cores_answer_as_tflite_micro(tmp_path: Path, core: str, dsp: bool) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(networks.ds_cnn())
    board = boards.load(str(Path(__file__).parents[2] / f"benchmarks/boards/{core}.toml"))
    report = build_task.run_build(BuildRequest(board, tmp_path / "out", path), quiet)
    assert report.bit_exact
    assert dsp == any(layer.kernel.endswith("_dsp") for layer in report.layers)
    assert report.instructions is not None
    assert (report.modelled_cycles is None) == (report.modelled_ms is None) == (core == "m7")
    if core == "m7":
        lines = show.summary_lines(report)
        bench = show.bench_lines(bench_task.run_bench(bench_task.BenchRequest(board, tmp_path / "out", count=2), quiet))
        assert any("cycles with ideal memory are not modelled" in line for line in lines)
        assert any("cycles with ideal memory are not modelled" in line for line in bench)
    assert report.board_cycles is not None
    assert report.instructions / 2 <= report.board_cycles.low <= report.board_cycles.high  # two at a time at most
    assert " ms an inference (modelled)" in str(show.verdict(of_build(report)))


@pytest.mark.emulator
@pytest.mark.tflm
@pytest.mark.skipif(firmware.missing("qemu") is not None, reason=str(firmware.missing("qemu")))
def test_a_board_that_only_qemu_has_tells_bytes_and_no_cycles(tmp_path: Path, compiler: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(networks.ds_cnn())
    report = build_task.run_build(request("microbit-v1", tmp_path, path, compiler=compiler), quiet)
    assert report.bit_exact
    assert (report.inputs_equal, report.instructions, report.modelled_cycles, report.stack_bytes) == (64, *3 * [None])
    lines = show.summary_lines(report)
    assert "cycles    not modelled: the emulator qemu does not count them" in lines
    assert not [line for line in (*lines, of_build(report).text) if " ms" in line]


def test_the_first_microbit_is_too_small_for_ds_cnn_s() -> None:
    graph = reader.read(zoo.int8_model(zoo.load("ds-cnn-s-2x4")), "net")
    with pytest.raises(DoesNotFit, match=r"arena needs 16,000 bytes of RAM, the board has 14,336 beside the stack"):
        lower.lower(graph, boards.load("microbit-v1"))


@pytest.mark.parametrize("pruned", [True, False])
def test_the_pc_answers_as_tflite_micro(tmp_path: Path, pruned: bool) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(networks.every_operator(pruned))
    report = build_task.run_build(request("host", tmp_path, path), quiet)
    assert report.bit_exact
    assert report.modelled_cycles is None


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Callable[..., Path]:
    """The output folder of a build that is not run; each is made once, and not to be changed."""

    @functools.cache
    def make(board: str, compiler: str | None = None, name: str = "a") -> Path:
        folder = tmp_path_factory.mktemp(name)
        build_task.run_build(request(board, folder, model, compiler=compiler, run=False), quiet)
        return folder / "out"

    return make


@pytest.mark.emulator
def test_hex_and_bin_hold_the_bytes_of_the_elf(built: Callable[..., Path], compiler: str) -> None:
    from elftools.elf.elffile import ELFFile
    from intelhex import IntelHex

    out = built("nano33", compiler)
    binary = (out / "firmware.bin").read_bytes()
    image = IntelHex(str(out / "firmware.hex"))
    assert image.minaddr() == 0x10000
    with (out / "firmware.elf").open("rb") as stream:
        for segment in ELFFile(stream).iter_segments("PT_LOAD"):
            start, data = segment["p_paddr"], segment.data()
            if not data:
                continue
            assert bytes(image.tobinarray(start=start, size=len(data))) == data
            assert binary[start - 0x10000 :][: len(data)] == data


def test_both_compilers_give_the_same_output_bytes(built: Callable[..., Path], model: Path) -> None:
    """Each equals TFLite Micro above; here the emulated images are compared directly, on other inputs."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    from tinyprune.device.emulators import EMULATORS
    from tinyprune.measure import benchmark

    board, answers = boards.load("nano33"), []
    inputs = samples.make(reader.read(model.read_bytes()), 16, seed=99)
    for name in ("gcc", "zig"):
        image, _ = output.load(built("nano33", name), board)
        answers.append(benchmark.outputs(EMULATORS["sim"], image, board, inputs))
    np.testing.assert_array_equal(*answers)


def test_the_same_model_gives_the_same_sources_and_image(built: Callable[..., Path], compiler: str) -> None:
    for path in (
        "firmware.bin",
        "project/network/tinyprune_tiny.c",
        "project/network/tinyprune_tiny_weights.c",
        ".tinyprune.json",
        ".tinyprune.zip",
    ):
        one, other = ((built("nano33", compiler, name) / path).read_bytes() for name in ("a", "b"))
        assert one == other


@pytest.mark.emulator
def test_bench_runs_what_build_left(tmp_path: Path, model: Path) -> None:
    board = boards.load("nano33")
    build_task.run_build(request("nano33", tmp_path, model, run=False), quiet)
    report = bench_task.run_bench(bench_task.BenchRequest(board, tmp_path / "out", count=5), quiet).report
    assert report.bit_exact
    assert report.inferences == 5
    assert report.instructions is not None
    assert report.instructions.min <= report.instructions.median <= report.instructions.max
    with pytest.raises(UsageError, match='nano33 has no emulator "qemu"; it has: sim'):
        bench_task.run_bench(bench_task.BenchRequest(board, tmp_path / "out", "qemu"), quiet)
    with pytest.raises(UsageError, match="holds firmware for nano33, not host; give --board nano33, or another"):
        bench_task.run_bench(bench_task.BenchRequest(boards.load("host"), tmp_path / "out"), quiet)
    with pytest.raises(UsageError, match=r"has no finished build; run `tinyprune build --board nano33"):
        bench_task.run_bench(bench_task.BenchRequest(board, tmp_path / "elsewhere"), quiet)
    (tmp_path / "out/model.tflite").write_bytes(networks.every_operator(pruned=False))
    with pytest.raises(UsageError, match="do not belong together"):
        bench_task.run_bench(bench_task.BenchRequest(board, tmp_path / "out"), quiet)


@pytest.mark.tflm
@pytest.mark.parametrize("board", ["host", pytest.param("nano33", marks=pytest.mark.emulator)])
def test_an_int32_output_is_bytes_for_comparisons_and_integers_for_people(tmp_path: Path, board: str) -> None:
    whole = graphs.classifier()
    network = replace(whole, outputs=whole.outputs[:1])
    (tmp_path / "m.tflite").write_bytes(network.file)
    assert build_task.run_build(request(board, tmp_path, tmp_path / "m.tflite"), quiet).bit_exact
    assert "const int32_t *m_output(" in (tmp_path / "out/project/network/tinyprune_m.h").read_text()
    image, content = output.load(tmp_path / "out", boards.load(board))
    graph = reader.read(content)
    inputs = samples.make(graph, 12)
    classes = graph.classes(oracle.infer(content, inputs, graph))
    with closing(emulators.EMULATORS[emulators.named(boards.load(board))](image, boards.load(board))) as link:
        device = Device(link)
        device.connect()
        for sample, wanted in zip(inputs, classes, strict=True):
            device.load(sample.tobytes())
            device.infer()
            assert device.results() == [wanted]
            assert device.output().view(np.int32).tolist() == [wanted]
    np.savez(tmp_path / "set.npz", inputs=inputs.reshape(-1, *graph.inputs[0].shape), labels=classes)
    measured = bench_task.BenchRequest(boards.load(board), tmp_path / "out", samples=tmp_path / "set.npz")
    with pytest.raises(UsageError, match="--samples needs --class-names and one class for each input"):
        bench_task.run_bench(measured, quiet)
    names = tuple(f"class {n}" for n in range(11))
    report = bench_task.run_bench(replace(measured, labels=names, csv=tmp_path / "all.csv"), quiet).report
    assert report.accuracy is not None
    assert report.accuracy.percent == 100
    lines = (tmp_path / "all.csv").read_text().splitlines()[1:]
    assert all(line.split(",")[1] == line.split(",")[2] for line in lines)


FORMATS = {
    "of the first ones": (
        None,
        f"in an older format (none) than tinyprune {__version__} takes ({FORMAT}); run `tinyprune",
    ),
    "of an earlier one": (
        FORMAT - 1,
        f"in an older format ({FORMAT - 1}) than tinyprune {__version__} takes ({FORMAT}); run `tinyprune",
    ),
    "of a later one": (
        FORMAT + 1,
        f"in a newer format ({FORMAT + 1}) than tinyprune {__version__} takes ({FORMAT}); update tinyprune, or run",
    ),
    "damaged": ("one", "has no finished build"),
    "true": (True, "has no finished build"),
    "a fraction": (float(FORMAT), "has no finished build"),
}


@pytest.mark.parametrize("case", FORMATS)
def test_a_build_of_another_tinyprune_is_told(tmp_path: Path, built: Callable[..., Path], case: str) -> None:
    """Before its firmware meets an emulator or a board, which could only say that it is wrong."""
    shutil.copytree(built("host"), tmp_path / "out")
    path = tmp_path / "out/report.json"
    report = json.loads(path.read_text())
    assert (report["format"], report["tinyprune"]) == (FORMAT, __version__)
    report["format"], message = FORMATS[case]
    report["tinyprune"] = "0.0.7"
    if report["format"] is None:
        del report["format"]
    path.write_text(json.dumps(report))
    wanted = f"out was built by tinyprune 0.0.7, {message}" if "format" in message else message
    with pytest.raises(UsageError, match=re.escape(wanted)):
        output.load(tmp_path / "out", boards.load("host"))


def test_a_failed_build_keeps_the_last_good_one(tmp_path: Path, model: Path) -> None:
    build_task.run_build(request("host", tmp_path, model, run=False), quiet)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(model.read_bytes()[:700])
    with pytest.raises(ModelError, match="damaged or truncated"):
        build_task.run_build(request("host", tmp_path, broken, run=False), quiet)
    after = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.compiler
def test_a_build_whose_outputs_differ_leaves_nothing(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = oracle.expected

    def other(*arguments: Any) -> Any:
        answers, judge = real(*arguments)
        return answers ^ (np.arange(len(answers)) == 3)[:, None], judge

    monkeypatch.setattr(oracle, "expected", other)
    with pytest.raises(TargetError, match=r"WRONG: 1 of 64 outputs .* Nothing was written\. .* please report it"):
        build_task.run_build(BuildRequest(boards.load("host"), tmp_path / "out", model), lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_build_leaves_nothing(tmp_path: Path) -> None:
    huge = tmp_path / "huge.tflite"
    huge.write_bytes(networks.one_dense(1024, 1000))
    with pytest.raises(DoesNotFit, match="too many"):
        build_task.run_build(BuildRequest(boards.load("nano33"), tmp_path / "a/b/c", huge), quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["huge.tflite"]


def test_what_only_the_linker_can_know_is_refused_as_too_large(tmp_path: Path, compiler: str) -> None:
    """The constants alone fit; with the code they do not."""
    tight = tmp_path / "tight.tflite"
    tight.write_bytes(networks.one_dense(1000, 968))
    with pytest.raises(DoesNotFit, match=r"does not fit nano33: flash is exceeded by [\d,]+ bytes"):
        build_task.run_build(request("nano33", tmp_path, tight, compiler=compiler, run=False), quiet)


@pytest.mark.parametrize("flash_bytes", [60_000, 52_000, 36_000, 28_000])
def test_speed_is_the_fastest_firmware_that_the_flash_has_room_for(tmp_path: Path, flash_bytes: int) -> None:
    """Enough for the fastest and code of the user's, for the fastest alone, for smaller constants, for none: what the
    code needs, only the linker knows."""
    said: list[str] = []
    wanted = request("nano33", tmp_path, Path("ds-cnn-s-2x4"), run=False, max_flash_bytes=flash_bytes)
    if flash_bytes == 28_000:
        with pytest.raises(DoesNotFit, match=r"flash is exceeded by [\d,]+ bytes"):
            build_task.run_build(wanted, said.append)
        return
    report = build_task.run_build(wanted, said.append)
    again = [line for line in said if line.startswith("choosing kernels that need less flash: ")]
    assert bool(again) == (flash_bytes < 60_000)
    if again:  # compilers differ in what they say behind that
        assert ("flash is exceeded by" if flash_bytes == 36_000 else "kept free for your own code") in again[0]
    used = {path.stem for path in (tmp_path / "out/project/runtime/src").glob("tp_*pixels*.c")}
    assert ("tp_five_pixels_s8_pairs8_dsp" in used) == (flash_bytes < 60_000)
    assert report.flash_bytes <= 15 / 16 * flash_bytes
    assert report.flash_bytes_available == flash_bytes


def test_what_fits_stays_where_kernels_that_leave_a_reserve_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Smaller constants can come with more code. The second link fails here; the firmware is then the first one."""
    links: list[int] = []
    link = runtimes.build.build

    def second_fails(*arguments: Any) -> Any:
        links.append(1)
        if len(links) == 2:
            raise MemoryExceeded("the firmware does not fit", "flash", 1_000_000)
        return link(*arguments)

    wanted = request("nano33", tmp_path, Path("ds-cnn-s-2x4"), run=False, max_flash_bytes=52_000)
    monkeypatch.setattr(runtimes.build, "build", second_fails)
    report = build_task.run_build(wanted, quiet)
    assert len(links) == 3
    assert 15 / 16 * 52_000 < report.flash_bytes <= 52_000
    sources = {path.stem for path in (tmp_path / "out/project/runtime/src").glob("tp_*.c")}
    assert {layer.kernel for layer in report.layers} <= sources


@pytest.mark.emulator
@pytest.mark.tflm
def test_constants_in_ram_answer_the_same_and_sooner(tmp_path: Path, model: Path, compiler: str) -> None:
    plain = build_task.run_build(request("nano33", tmp_path, model, compiler=compiler, run=False), quiet)
    report = build_task.run_build(request("nano33", tmp_path, model, compiler=compiler, constants="auto"), quiet)
    assert report.bit_exact
    assert (plain.ram_constants_bytes, plain.board_cycles_from_flash) == (0, None)
    assert report.ram_constants_bytes > 0
    more = report.ram_bytes - plain.ram_bytes
    assert report.ram_constants_bytes <= more <= report.ram_constants_bytes + 8 * len(report.layers)
    assert abs(report.flash_bytes - plain.flash_bytes) <= 8 * len(report.layers)
    assert report.board_cycles is not None
    assert report.board_cycles_from_flash is not None
    assert report.board_cycles.high < report.board_cycles_from_flash.low
    assert {layer.constants for layer in report.layers} == {"flash", "ram"}  # a pool has none
    assert any("copied from flash at the start" in line for line in show.summary_lines(report))


@pytest.mark.parametrize("constants", ["ram", "auto"])
def test_constants_in_ram_keep_to_its_limit_and_reserve(tmp_path: Path, constants: str) -> None:
    """What else is in RAM, only the linker knows."""
    most = 40_000
    wanted = request("nano33", tmp_path, Path("ds-cnn-s-2x4"), run=False, constants=constants, max_ram_bytes=most)
    report = build_task.run_build(wanted, quiet)
    assert report.ram_constants_bytes > 0
    free = most - report.ram_bytes - (report.stack_bytes_reserved or 0)
    assert free >= (most / 4 if constants == "auto" else 0)
    largest = max(layer.weights_bytes for layer in report.layers)
    assert free < largest + (most / 4 if constants == "auto" else 0) + 4096


def test_constants_that_the_sources_place_in_ram_can_stay_in_flash(tmp_path: Path, model: Path, compiler: str) -> None:
    program = lower.lower(reader.read(model.read_bytes()), boards.load("nano33"), constants="ram")
    source = codegen.generate(program, "tiny")
    project = files.write_files(source.files, tmp_path / "project")
    found = toolchain.find(program.board, compiler)
    kept = replace(found, compile_flags=(*found.compile_flags, "-DTP_IN_RAM=const"))
    ram = [build.build(source, program.board, tool, project, tmp_path).ram_bytes for tool in (found, kept)]
    assert ram[0] - ram[1] >= program.ram_constant_bytes


def test_an_interpreter_reads_constants_where_its_file_is(tmp_path: Path, model: Path) -> None:
    with pytest.raises(UsageError, match="--constants ram is for firmware without interpreter"):
        build_task.run_build(request("nano33", tmp_path, model, constants="ram", runtime="tflm"), quiet)


def test_no_compiler_says_how_to_get_one(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyprune.firmware import toolchain

    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingDependency, match=r"no C compiler for nano33 was found; `pip install ziglang`"):
        build_task.run_build(request("nano33", tmp_path, model), quiet)
    with pytest.raises(UsageError, match='unknown compiler "clang"; known: gcc, zig'):
        build_task.run_build(request("nano33", tmp_path, model, compiler="clang"), quiet)


def test_the_generated_network_drops_into_another_program(
    tmp_path: Path, built: Callable[..., Path], model: Path
) -> None:
    """network/ and runtime/ alone, with the README's few lines around them."""
    graph = reader.read(model.read_bytes())
    sample = samples.make(graph, 9)[8]
    (tmp_path / "main.c").write_text(
        """
        #include <stdio.h>
        #include <string.h>
        #include "network.h"
        static _Alignas(16) uint8_t arena[TP_NETWORK_ARENA_BYTES];
        int main(void) {
            fread(tp_network_input(arena), 1, TP_NETWORK_INPUT_BYTES, stdin);
            tp_network_run(arena);
            fwrite(tp_network_output(arena), 1, TP_NETWORK_OUTPUT_BYTES, stdout);
            return 0;
        }
        """
    )
    project = built("host") / "project"
    sources = [*(project / "network").glob("*.c"), *(project / "runtime/src").glob("*.c"), tmp_path / "main.c"]
    command = [sys.executable, "-m", "ziglang", "cc", f"-I{project}/network", f"-I{project}/runtime/include"]
    subprocess.run([*command, *map(str, sources), "-o", str(tmp_path / "mine")], check=True, capture_output=True)
    done = subprocess.run([tmp_path / "mine"], input=sample.tobytes(), capture_output=True, check=True)
    assert done.stdout == oracle.infer(model.read_bytes(), sample[None])[0].tobytes()


def test_the_network_links_into_cpp(tmp_path: Path, built: Callable[..., Path]) -> None:
    """C links it: zig would first compile all of libc++, which takes minutes on a busy machine and is not needed."""
    project = built("host") / "project"
    (tmp_path / "main.cpp").write_text(
        """
        #include "network.h"
        alignas(16) static unsigned char arena[TP_NETWORK_ARENA_BYTES];
        int main() {
            tp_network_run(arena);
            return tp_network_output(arena) == nullptr || tp_network_input(arena) == nullptr;
        }
        """
    )
    zig, includes = [sys.executable, "-m", "ziglang"], [f"-I{project}/network", f"-I{project}/runtime/include"]
    sources = [str(p) for p in (*(project / "network").glob("*.c"), *(project / "runtime/src").glob("*.c"))]
    for command in (["cc", "-c", *sources], ["c++", "-c", str(tmp_path / "main.cpp")], ["cc", "*.o", "-o", "mine"]):
        expanded = [str(p) for part in command for p in (sorted(tmp_path.glob(part)) if part == "*.o" else [part])]
        subprocess.run([*zig, *expanded[:1], *includes, *expanded[1:]], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run([tmp_path / "mine"], check=True)


def test_no_path_of_this_machine_is_in_the_image(built: Callable[..., Path], compiler: str) -> None:
    folders = [built("nano33", compiler, name) for name in ("a", "b")]
    one, other = ((folder / "firmware.elf").read_bytes() for folder in folders)
    assert one == other
    assert not any(str(folder.parent).encode() in one for folder in folders)


def test_a_board_that_names_an_unknown_emulator(tmp_path: Path, model: Path) -> None:
    board = replace(boards.load("nano33"), emulators=("qemux",))
    with pytest.raises(UsageError, match='nano33 has no emulator "qemux"; it has: none that is known'):
        build_task.run_build(BuildRequest(board, tmp_path / "out", model), quiet)


def test_the_report_file_is_the_report(tmp_path: Path, model: Path) -> None:
    report = build_task.run_build(request("host", tmp_path, model), quiet)
    assert json.loads((tmp_path / "out/report.json").read_text()) == json.loads(report.to_json())
