"""The custom operator for TFLite Micro on this PC: compiled against a double of its types (tflm_double/), under
sanitizers, through init, Prepare and Eval with tensors that are right and wrong."""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests import tflite_models as t
from tests.compiler.kernels.harness import INCLUDES, RUNTIME, WARNINGS
from tinyprune.compiler import reader, reference, samples
from tinyprune.compiler.graph import Graph
from tinyprune.compiler.kernels import KERNELS, Kernel
from tinyprune.device import boards
from tinyprune.firmware import codegen
from tinyprune.firmware.tflm import layers

pytestmark = pytest.mark.compiler

HERE = Path(__file__).parent
DOUBLE = HERE / "tflm_double"
SPARSE = RUNTIME.parent / "tflm/sparse"
BOARD = boards.load("nano33")
INT32, INT8, INT16 = range(3)
#: What runs under GCC's address sanitizer where it is; zig brings the undefined-behaviour one.
GCC = shutil.which("g++") is not None and shutil.which("gcc") is not None
COMPILERS = (["gcc"], ["g++"]) if GCC else tuple([sys.executable, "-m", "ziglang", name] for name in ("cc", "c++"))
SANITIZERS = [
    "-g",
    "-O1",
    "-fsanitize=address,undefined" if GCC else "-fsanitize=undefined",
    "-fno-sanitize-recover=all",
]
#: The arena and the tensors go with the process.
NO_LEAKS = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def graph(*layers: t.Layer, shape: tuple[int, ...] = (6, 5, 8), zero_point: int = 4) -> Graph:
    return reader.read(t.model(t.Input(shape, 0.1, zero_point), list(layers)))


def pointwise(pattern: str = "2:4", channels: int = 8, zero_point: int = -128) -> t.Conv:
    rng = np.random.default_rng(5)
    return t.Conv(
        weights=networks.weights(rng, 12, 1, 1, channels, pruned=True, pattern=pattern),
        weight_scales=[float(scale) for scale in rng.uniform(0.002, 0.006, 12)],
        bias=rng.integers(-3000, 3000, 12).astype(np.int32),
        activation="RELU" if zero_point == -128 else "NONE",
        scale=0.1,
        zero_point=zero_point,
    )


def first(pattern: str) -> t.Conv:
    weights = networks.weights(np.random.default_rng(6), 12, 3, 2, 8, pruned=True, pattern=pattern)
    return replace(pointwise(), weights=weights, stride=(2, 1), padding="SAME")


def dense() -> t.Dense:
    weights = networks.weights(np.random.default_rng(7), 5, 24, pruned=True)
    return t.Dense(weights=weights, weight_scales=[0.004], scale=0.2, zero_point=3)


GRAPHS = {
    "pointwise 2:4": graph(pointwise()),
    "pointwise 1:4": graph(pointwise("1:4")),
    "pointwise unstructured": graph(pointwise("unstructured-75")),
    "pointwise without activation": graph(pointwise(zero_point=7)),
    "convolution 2:4": graph(first("2:4")),
    "convolution 1:4": graph(first("1:4")),
    "fully connected": graph(dense(), shape=(24,)),
    "fully connected, rows": graph(dense(), shape=(4, 24)),
}


def fitting(name: str) -> list[Kernel]:
    op = GRAPHS[name].ops[0]
    return [kernel for kernel in KERNELS if layers.fits(kernel, op, layers.pattern_of(op), BOARD)]


CASES = [(name, kernel) for name in GRAPHS for kernel in fitting(name)]
CALLS = {kernel.name: layers.call(kernel, GRAPHS[name].ops[0]) for name, kernel in CASES}


def test_every_kernel_that_may_be_chosen_is_tried() -> None:
    wide = {kernel.name for kernel in KERNELS if layers.is_sparse_between_plain_maps(kernel)}
    assert set(CALLS) == wide


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The harness with all kernels."""
    folder = tmp_path_factory.mktemp("tflm")
    about = {"kernels": list(CALLS.values()), "version": "test"}
    (folder / "kernels.inc").write_text(codegen.render("tflm/network/kernels.inc.j2", about))
    c_compiler, cxx_compiler = COMPILERS
    sources = [str(path) for path in sorted((RUNTIME / "src").glob("*.c"))]
    run([*c_compiler, *WARNINGS, *SANITIZERS, *INCLUDES, "-c", *sources], folder)
    warnings = ["-std=c++17", *WARNINGS[1:], "-fno-exceptions", "-fno-rtti"]
    includes = [*INCLUDES, f"-I{DOUBLE}", f"-I{SPARSE}", f"-I{folder}"]
    files = [str(SPARSE / "tp_tflm_sparse.cc"), str(DOUBLE / "main.cc")]
    library = [] if GCC else ["-nostdlib++"]
    objects = [str(path) for path in folder.glob("*.o")]
    run([*cxx_compiler, *warnings, *SANITIZERS, *includes, *files, *objects, *library, "-o", "operator"], folder)
    return folder / "operator"


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command[:12])}\n{done.stderr[-4000:]}"


@dataclass(frozen=True)
class Tensor:
    kind: int
    data: bytes
    shape: Sequence[int]
    scale: float = 0.0
    zero_point: int = 0
    constant: bool = False
    shift: int = 0

    def words(self) -> str:
        (bits,) = struct.unpack("<I", struct.pack("<f", self.scale))
        sizes = " ".join(map(str, [len(self.shape), *self.shape]))
        numbers = f"{self.kind} {bits} {self.zero_point} {int(self.constant)} {self.shift}"
        return f"tensor {numbers} {self.data.hex() or '-'} {sizes}"


@dataclass(frozen=True)
class Case:
    """Inputs are map, weights and, where the kernel takes them, channels; the last tensor is the output."""

    options: bytes
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    room: tuple[int, int] = (1, 1)

    def text(self) -> str:
        ends = [
            f"{name} {len(n)} {' '.join(map(str, n))}"
            for name, n in (("inputs", self.inputs), ("outputs", self.outputs))
        ]
        lines = [f"options {self.options.hex() or '-'}", *(one.words() for one in self.tensors), *ends]
        return "\n".join([*lines, f"room {self.room[0]} {self.room[1]}", "run"])


@dataclass(frozen=True)
class Answer:
    status: int
    logs: list[str]
    output: np.ndarray | None
    refusal: str  # in short


def case(graph: Graph, kernel: Kernel, sample: np.ndarray) -> Case:
    op = graph.ops[0]
    custom = layers.custom(kernel, op)
    source, target = (
        Tensor(INT8, data, (1, *end.shape), float(end.scale), end.zero_point)
        for end, data in ((op.input, sample.tobytes()), (op.output, b"\xaa" * op.output.size_bytes))
    )
    kinds = {"int8": INT8, "int32": INT32}
    constants = [
        Tensor(kinds[values.dtype.name], values.tobytes(), values.shape, constant=True)
        for values in custom.constants.values()
    ]
    tensors = (source, *constants, target)
    return Case(custom.options, tensors, tuple(range(len(tensors) - 1)), (len(tensors) - 1,))


def ask(program: Path, case: Case) -> Answer:
    done = subprocess.run([str(program)], input=case.text(), capture_output=True, text=True, timeout=60, env=NO_LEAKS)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    lines = done.stdout.splitlines()
    outputs = [np.frombuffer(bytes.fromhex(line[7:]), np.int8) for line in lines if line.startswith("output ")]
    (status,) = (int(line[7:]) for line in lines if line.startswith("status "))
    logs, refusals = ([line[4:] for line in lines if line.startswith(word)] for word in ("log ", "why "))
    return Answer(status, logs, outputs[0] if outputs else None, refusals[0])


@pytest.mark.parametrize(("name", "kernel"), CASES, ids=[f"{name}, {kernel.name}" for name, kernel in CASES])
def test_the_operator_answers_as_the_reference(program: Path, name: str, kernel: Kernel) -> None:
    one = GRAPHS[name]
    inputs = samples.make(one, 4)
    expected = reference.infer(one, inputs).reshape(len(inputs), -1)
    for sample, wanted in zip(inputs, expected, strict=True):
        answer = ask(program, case(one, kernel, sample))
        assert answer.status == 0, answer.logs
        assert answer.logs == []
        assert answer.refusal == ""
        np.testing.assert_array_equal(answer.output, wanted)


def plain(name: str = "pointwise 2:4", kernel: str = "tp_conv_1x1_s8_sp24_dsp") -> Case:
    (found,) = (one for one in fitting(name) if one.name == kernel)
    return case(GRAPHS[name], found, samples.make(GRAPHS[name], 1)[0])


def with_word(number: int, value: int, base: Case | None = None) -> Case:
    """With one 32-bit word of the options changed."""
    base = base or plain()
    return replace(base, options=base.options[: 4 * number] + struct.pack("<i", value) + base.options[4 * number + 4 :])


def with_tensor(number: int, **changes: object) -> Case:
    base = plain()
    tensors = list(base.tensors)
    tensors[number] = replace(tensors[number], **changes)  # type: ignore[arg-type]
    return replace(base, tensors=tuple(tensors))


def with_name(name: bytes) -> Case:
    base = plain()
    return replace(base, options=base.options[:100] + name.ljust(48, b"\0"))


PREFIX = f"{layers.OPERATOR}: "
#: Place in the options, in words.
VERSION, BYTES, SCRATCH, LAYER = 1, 2, 4, 7
#: What is wrong → what Prepare says.
REFUSED: dict[str, tuple[Callable[[], Case], str]] = {
    "newer": (
        lambda: with_word(VERSION, 3),
        "format 3, this firmware reads up to 2 / the model was made by a newer tinyprune",
    ),
    "much newer": (
        lambda: with_word(BYTES, 200, with_word(VERSION, 9)),
        "format 9, this firmware reads up to 2 / the model was made by a newer",
    ),
    "older": (lambda: with_word(VERSION, 1), "the model was made by an older tinyprune"),
    "version 0": (lambda: with_word(VERSION, 0), "the custom options are damaged"),
    "magic": (lambda: with_word(0, 1), "the custom options are not tinyprune's"),
    "no options": (lambda: replace(plain(), options=b""), "the custom options are not tinyprune's"),
    "cut options": (lambda: replace(plain(), options=plain().options[:-1]), "the custom options are damaged"),
    "longer options": (lambda: replace(plain(), options=plain().options + b"\0"), "the custom options are damaged"),
    "endless name": (lambda: with_name(b"x" * 48), "the kernel's name is damaged"),
    "unknown kernel": (
        lambda: with_name(b"tp_conv_9x9"),
        "the kernel tp_conv_9x9 is wanted / this firmware lacks the kernel of a sparse layer: build it again",
    ),
    "size 0": (lambda: with_word(LAYER, 0), "a size, stride or dilation is out of range"),
    "stride": (lambda: with_word(LAYER + 8, -1), "a size, stride or dilation is out of range"),
    "padding": (lambda: with_word(LAYER + 12, -1), "the padding is out of range"),
    "zero point": (lambda: with_word(LAYER + 14, 128), "a zero point or a bound of the output is out of range"),
    "bounds": (lambda: with_word(LAYER + 16, 127, with_word(LAYER + 17, 0)), "a zero point or a bound of the output"),
    "scratch": (lambda: with_word(SCRATCH, -1), "the scratch is out of range"),
    "inputs": (
        lambda: replace(plain(), inputs=(0, 1)),
        "2 inputs, not 3 / a sparse layer has too few or too many inputs",
    ),
    "input type": (lambda: with_tensor(0, kind=INT16), "the input must be int8"),
    "input shape": (
        lambda: with_tensor(0, shape=(1, 5, 6, 8)),
        "1x6x5x8 is wanted / the input has another shape than the layer",
    ),
    "input batch": (
        lambda: with_tensor(0, shape=(2, 6, 5, 8)),
        "1x6x5x8 is wanted / the input has another shape than the layer",
    ),
    "input rank": (
        lambda: with_tensor(0, shape=(1, 240)),
        "1x6x5x8 is wanted / the input has another shape than the layer",
    ),
    "input scale": (lambda: with_tensor(0, scale=0.2), "the input has another scale or zero point than the layer"),
    "output zero point": (lambda: with_tensor(3, zero_point=0), "the output has another scale or zero point"),
    "output type": (lambda: with_tensor(3, kind=INT32), "the output must be int8"),
    "output shape": (
        lambda: with_tensor(3, shape=(1, 6, 5, 11)),
        "1x6x5x12 is wanted / the output has another shape than the layer",
    ),
    "computed weights": (lambda: with_tensor(1, constant=False), "the weights must be constant"),
    "short weights": (
        lambda: with_tensor(1, data=plain().tensors[1].data[:-4]),
        "140 bytes, not 144 / the weights are of another size",
    ),
    "moved weights": (lambda: with_tensor(1, shift=2), "the weights are not aligned to 4 bytes: align the model to 16"),
    "short channels": (lambda: with_tensor(2, data=bytes(12)), "12 bytes, not 144 / the channels are of another size"),
    "no room for the node": (lambda: replace(plain(), room=(0, 1)), "the arena has no room for the layer"),
    "no room for scratch": (lambda: replace(plain(), room=(1, 0)), "the arena has no room for the scratch"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_prepare_refuses(program: Path, what: str) -> None:
    make, message = REFUSED[what]
    answer = ask(program, make())
    assert answer.status == 1
    assert answer.output is None
    assert all(line.startswith(PREFIX) for line in answer.logs)
    assert message in " / ".join(line.removeprefix(PREFIX) for line in answer.logs)
    assert answer.refusal


def test_a_kernel_without_channels_wants_two_inputs(program: Path) -> None:
    good = plain(kernel="tp_conv_2d_s8_pairs_dsp")
    assert ask(program, good).status == 0
    answer = ask(program, replace(good, inputs=(0, 1, 1)))
    assert answer.logs[0] == f"{PREFIX}3 inputs, not 2"
