"""The stages in order: the page to read first.

    zoo or the user's model ─quantize─▶ .tflite ─read─▶ Graph ─lower─▶ Program ─codegen─▶ FirmwareSource ─build─▶
    FirmwareImage
        ─emulate─▶ Link ─benchmark─▶ outputs, compared byte for byte with TFLite Micro ─▶ BuildReport

    the user's Keras model ─prune─▶ Keras model

Everything is made in a temporary folder beside the output and moved there by rename at the end: a failed or interrupted
build leaves nothing behind and loses nothing.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinyprune import (
    __version__,
    benchmark,
    build,
    codegen,
    lower,
    oracle,
    output,
    reader,
    reference,
    samples,
    sparsity,
    toolchain,
    zoo,
)
from tinyprune.boards import Board
from tinyprune.emulators import EMULATORS, Profile
from tinyprune.errors import DoesNotFit, TargetError, UsageError
from tinyprune.firmware import FirmwareImage
from tinyprune.graph import Graph, Int8, Weighted, macs
from tinyprune.lower import Optimize
from tinyprune.program import Program, Step
from tinyprune.report import Accuracy, BenchReport, BuildReport, LayerReport, bench_report

if TYPE_CHECKING:
    from tinyprune.prune import LayerReport as PrunedLayer
    from tinyprune.prune import Method

#: Emulators that count instructions.
METERED = ("sim",)
#: How many inputs a build compares with TFLite Micro.
COMPARED_INPUTS = 64
KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Model:
    """The .tflite that everything below works from, with what is known about it."""

    name: str
    origin: str  # where messages say it comes from
    data: bytes
    accuracy: Accuracy | None


@dataclass(frozen=True, slots=True)
class BuildRequest:
    board: Board
    output: Path
    model: Path | None = None  # None: the zoo's default
    calibration: Path | None = None  # .npy, for Keras models
    compiler: str | None = None  # None: the first that is installed
    optimize: Optimize = "speed"
    run: bool = True
    force: bool = False  # overwrite files that the user has changed


def run_build(request: BuildRequest, progress: Progress) -> BuildReport:
    """All of `tinyprune build`. Raises TinypruneError of every kind; nothing is left half-written."""
    board = request.board
    compiler = toolchain.find(board, request.compiler)
    _check_model_path(request)
    if not request.force:
        output.check_unedited(request.output)
    with _staging(request.output) as staged:
        model = _model(request, progress)
        (staged / output.MODEL).write_bytes(model.data)
        progress("reading the model and choosing kernels")
        graph = reader.read(model.data, model.origin)
        program = lower.lower(graph, board, request.optimize)
        progress("generating C")
        source = codegen.generate(program, model.name)
        project = output.write_project(source, staged)
        progress(f"compiling with {compiler.version}")
        image = build.build(source, board, compiler, project, staged)
        report = _report(request, model, program, image)
        _check_fits(report)
        if request.run:
            report = _run(board, model, graph, image, report, progress)
            _check_stack(report)
        (staged / output.REPORT).write_text(report.to_json() + "\n", encoding="utf-8")
        output.commit(staged, request.output)
    return report


def _check_model_path(request: BuildRequest) -> None:
    """Refuses a wrong path before anything slow starts."""
    for path in (request.model, request.calibration):
        if path is not None and not path.exists():
            raise UsageError(f"{path}: no such file")
    if request.calibration is not None and (request.model is None or request.model.suffix == ".tflite"):
        raise UsageError("--calibration goes with a Keras --model; a .tflite is quantized already")


def _model(request: BuildRequest, progress: Progress) -> Model:
    """The zoo's default, the user's .tflite as it is, or the user's Keras model quantized with the calibration
    samples."""
    path = request.model
    if path is None:
        return _zoo_model(zoo.DEFAULT, progress)
    if path.is_file() and path.suffix not in KERAS_SUFFIXES:
        return Model(path.stem, str(path), reader.read_bytes(path), None)
    from tinyprune import quantize

    if request.calibration is None:
        raise UsageError(
            f"{path} is a Keras model: give --calibration samples.npy (float, [samples, *input shape]) to quantize it"
        )
    progress("quantizing to int8")
    keras = quantize.load_keras(path)
    return Model(path.stem, str(path), quantize.quantize(keras, samples.load_array(request.calibration)), None)


def _zoo_model(name: str, progress: Progress) -> Model:
    from tinyprune import quantize

    entry = zoo.load(name)
    progress(f"verifying the mask of {name} and quantizing it to int8")
    data = quantize.quantize(zoo.build_model(entry))
    recorded, dense = entry.accuracy, entry.dense_accuracy
    accuracy = Accuracy(100 * recorded.int8, 100 * dense.int8, recorded.data_set, recorded.split, recorded.clips)
    return Model(name, f"zoo entry {name}", data, accuracy)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A temporary folder on the same file system as `folder`; gone afterwards, with the parents it needed if nothing
    came."""
    made = [path for path in folder.parents if not path.exists()]
    staged: Path | None = None
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; give another folder with -o")
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder if folder.is_dir() else folder.parent))
        yield staged
    except OSError as error:
        place = error.filename or folder
        raise UsageError(f"cannot write {place}: {error.strerror or error}; give another folder with -o") from None
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _report(request: BuildRequest, model: Model, program: Program, image: FirmwareImage) -> BuildReport:
    """What is known before anything has run."""
    board, layers = request.board, tuple(_layer(step) for step in program.steps)
    stack_reserved = board.ram.stack_bytes if board.ram else None
    return BuildReport(
        board=board.name,
        model=model.name,
        model_sha256=program.graph.model_sha256,
        tinyprune=__version__,
        compiler=image.compiler,
        optimize=request.optimize,
        image=image.elf.name,
        fits=_fits(image, board),
        flash_bytes=image.flash_bytes,
        flash_bytes_available=board.flash.bytes if board.flash else None,
        ram_bytes=image.ram_bytes,
        ram_bytes_available=board.ram.bytes if board.ram else None,
        arena_bytes=program.arena.arena_bytes,
        arena_bytes_lower_bound=program.arena.lower_bound_bytes,
        stack_bytes=None,
        stack_bytes_reserved=stack_reserved,
        weights_bytes=sum(layer.weights_bytes for layer in layers),
        weights_bytes_dense=sum(layer.weights_bytes_dense for layer in layers),
        layers=layers,
        macs=sum(layer.macs for layer in layers),
        instructions=None,
        modelled_cycles=None,
        modelled_ms=None,
        cost_model=None,
        bit_exact=False,
        inputs_compared=0,
        inputs_equal=0,
        reference=None,
        accuracy=model.accuracy,
    )


def _layer(step: Step) -> LayerReport:
    op = step.op
    weights = op.weights if isinstance(op, Weighted) else None
    return LayerReport(
        name=op.name,
        op=type(op).__name__,
        shape=op.output.shape,
        kernel=step.kernel.name,
        layout=step.output_layout.value,
        reason=step.reason,
        pattern=step.pattern,
        zeros=None if weights is None else float((weights == 0).mean()),
        macs=macs(op),
        weights_bytes=step.weights_bytes,
        weights_bytes_dense=0 if weights is None else weights.nbytes,
        instructions=None,
        modelled_cycles=None,
    )


def _fits(image: FirmwareImage, board: Board) -> bool:
    return (
        board.flash is None
        or board.ram is None
        or (image.flash_bytes <= board.flash.bytes and image.ram_bytes + board.ram.stack_bytes <= board.ram.bytes)
    )


def _check_fits(report: BuildReport) -> None:
    if not report.fits:
        raise DoesNotFit(
            f"the firmware does not fit {report.board}: it needs {report.flash_bytes:,} of "
            f"{report.flash_bytes_available:,} bytes of flash and {report.ram_bytes:,} + "
            f"{report.stack_bytes_reserved:,} (stack) of {report.ram_bytes_available:,} bytes of RAM; "
            "use a model with fewer channels"
        )


def _check_stack(report: BuildReport) -> None:
    used, reserved = report.stack_bytes, report.stack_bytes_reserved
    if used is not None and reserved is not None and used >= reserved:
        raise DoesNotFit(
            f"the stack used all of its {reserved:,} bytes on {report.board}; raise ram.stack_bytes in the board file"
        )


def _run(
    board: Board, model: Model, graph: Graph, image: FirmwareImage, report: BuildReport, progress: Progress
) -> BuildReport:
    """Compares outputs with TFLite Micro over the firmware's own protocol, then profiles one inference."""
    inputs = samples.make(graph.input, COMPARED_INPUTS)
    emulator = board.emulators[0]
    progress(f"running {COMPARED_INPUTS} inputs in the emulator ({emulator})")
    outputs = benchmark.outputs(EMULATORS[emulator], image, board, inputs)
    expected, judge = _expected(model.data, graph, inputs)
    equal = int((outputs == expected).all(axis=1).sum())
    report = replace(
        report, bit_exact=equal == len(inputs), inputs_compared=len(inputs), inputs_equal=equal, reference=judge
    )
    if emulator not in METERED:
        return report
    progress("counting instructions and modelling cycles of one inference")
    return _with_profile(report, benchmark.profile(EMULATORS[emulator], image, board, inputs[-1]), board)


def _expected(model: bytes, graph: Graph, inputs: Int8) -> tuple[Int8, str]:
    """What TFLite Micro answers, `[samples, output bytes]`; without its wheel the NumPy reference. Says which."""
    judge = oracle.version()
    if judge is not None:
        return oracle.infer(model, inputs), judge
    return reference.infer(graph, inputs).reshape(
        len(inputs), -1
    ), "tinyprune's NumPy reference (tflite-micro is not there)"


def _cost_model(board: Board) -> str:
    return f"instruction timings of the {board.cpu.core}, {board.cpu.flash_wait_states} flash wait states"


def _with_profile(report: BuildReport, profile: Profile, board: Board) -> BuildReport:
    if len(profile.layers) != len(report.layers):
        raise TargetError(f"the profile has {len(profile.layers)} layers, the network {len(report.layers)}")
    layers = tuple(
        replace(layer, instructions=run.instructions, modelled_cycles=run.modelled_cycles)
        for layer, run in zip(report.layers, profile.layers, strict=True)
    )
    return replace(
        report,
        layers=layers,
        instructions=profile.instructions,
        modelled_cycles=profile.modelled_cycles,
        modelled_ms=1e3 * profile.modelled_cycles / board.cpu.clock_hz,
        cost_model=_cost_model(board),
        stack_bytes=profile.stack_bytes,
    )


@dataclass(frozen=True, slots=True)
class PruneRequest:
    model: Path
    output: Path
    pattern: str
    method: "Method | None" = None  # None: the best that the data allow
    data: Path | None = None  # .npy, unlabelled inputs
    sparsity: float | None = None  # share of zeros, for unstructured patterns


def run_prune(request: PruneRequest, progress: Progress) -> "tuple[PrunedLayer, ...]":
    """All of `tinyprune prune`. Raises TinypruneError of every kind; the output appears whole or not at all."""
    if request.output.suffix not in KERAS_SUFFIXES:
        raise UsageError(f"{request.output}: the pruned model is a Keras file; give -o a name ending in .keras or .h5")
    if request.output.resolve() == request.model.resolve():
        raise UsageError(f"{request.output} is the model itself; give -o another name")
    data = None if request.data is None else samples.load_array(request.data)
    method = request.method or ("magnitude" if data is None else "match")
    pattern = _pruning_pattern(request.pattern, request.sparsity)
    from tinyprune import prune, quantize, quiet

    progress(f"loading {request.model}")
    model = quantize.load_keras(request.model)
    progress(f"pruning to {pattern.name} by {method}")
    with quiet.quiet_tensorflow():
        pruned = prune.prune(model, pattern, method, data)
        with _staging(request.output.parent) as staged:
            part = staged / request.output.name
            prune.unmasked(pruned).save(part)
            request.output.parent.mkdir(exist_ok=True)
            part.replace(request.output)
    return pruned.layers


def _pruning_pattern(text: str, share: float | None) -> sparsity.Pattern:
    if text == "unstructured" and share is None:
        raise UsageError("--pattern unstructured needs --sparsity, a share of zeros such as 0.75")
    if text != "unstructured" and share is not None:
        raise UsageError(f"--sparsity goes with --pattern unstructured; {text} says itself how many weights stay")
    try:
        return sparsity.parse(text) if share is None else sparsity.Unstructured(share)
    except ValueError as error:
        raise UsageError(str(error)) from None


@dataclass(frozen=True, slots=True)
class BenchRequest:
    board: Board
    output: Path  # of a finished build
    emulator: str | None = None  # None: the board's first
    inputs: Path | None = None  # .npy; None: generated
    count: int = 8


def run_bench(request: BenchRequest, progress: Progress) -> BenchReport:
    """All of `tinyprune bench`. Raises TinypruneError of every kind."""
    board = request.board
    name = request.emulator or board.emulators[0]
    if name not in board.emulators:
        raise UsageError(f'{board.name} has no emulator "{name}"; it has: {", ".join(board.emulators)}')
    image, data = output.load(request.output, board)
    graph = reader.read(data, str(request.output / output.MODEL))
    inputs = samples.read(request.inputs, graph.input) if request.inputs else samples.make(graph.input, request.count)
    progress(f"inferring {len(inputs)} inputs in the emulator ({name})")
    runs = benchmark.each(EMULATORS[name], image, board, inputs, metered=name in METERED)
    expected, judge = _expected(data, graph, inputs)
    equal = sum(int((run.output == want).all()) for run, want in zip(runs, expected, strict=True))
    return bench_report(board, name, image, runs, equal, judge, _cost_model(board) if name in METERED else None)
