"""The stages in order: the page to read first.

    zoo or the user's model ─quantize─▶ .tflite ─read─▶ Graph ─lower─▶ Program ─codegen─▶ FirmwareSource
        ─build─▶ FirmwareImage ─emulate─▶ Link ─benchmark─▶ outputs, compared with TFLite Micro ─▶ BuildReport

    FirmwareSource ─projects─▶ Project, which the user builds with tools of theirs

Everything is made in a temporary folder beside the output and moved there by rename at the end: a failed or interrupted
build leaves nothing behind and loses nothing.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from tinyprune import files
from tinyprune.compiler import lower, oracle, reader, reference, samples
from tinyprune.compiler.graph import Graph, Int8, matrix
from tinyprune.compiler.lower import Optimize
from tinyprune.compiler.program import Program
from tinyprune.compiler.sparsity import DENSE, takes
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS, renode_files
from tinyprune.device.firmware import FirmwareImage, FirmwareSource, Project
from tinyprune.errors import DoesNotFit, FlashExceeded, ModelError, UsageError
from tinyprune.firmware import build, codegen, output, projects, tflm, toolchain
from tinyprune.firmware.audio import FrontEnd, front_end
from tinyprune.firmware.toolchain import Compiler
from tinyprune.measure import benchmark, hearing, tflm_report
from tinyprune.measure.report import BuildReport, ProjectReport, build_report, with_profile
from tinyprune.progress import Progress
from tinyprune.tasks import int8_model
from tinyprune.tasks.int8_model import Model

#: Emulators that count instructions.
METERED = ("sim",)
#: How many inputs a build compares with TFLite Micro.
COMPARED_INPUTS = 64


@dataclass(frozen=True, slots=True)
class BuildRequest:
    board: Board
    output: Path
    model: Path | None = None  # None: the zoo's default
    calibration: Path | None = None  # .npy, for Keras models
    compiler: str | None = None  # None: the first that is installed
    optimize: Optimize = "speed"
    project: str = "bare"  # a key of PROJECTS
    name: str | None = None  # what the firmware calls its network; None: as the model is called
    audio: bool = False  # with the front end of a keyword network
    labels: tuple[str, ...] | None = None  # of the classes; None: those of the zoo entry
    runtime: str = "aot"  # a key of RUNTIMES
    tflm_root: Path | None = None  # None: what TFLM_ROOT says
    run: bool = True
    force: bool = False  # overwrite files that the user has changed
    compared_inputs: int | None = None  # with TFLite Micro; None: COMPARED_INPUTS
    requantize: bool = False  # the zoo's network, from its float weights


def run_build(request: BuildRequest, progress: Progress) -> BuildReport:
    """All of `tinyprune build`. Raises TinypruneError of every kind; nothing is left half-written."""
    board = request.board
    make = _runtime(request)
    with _staged(request, progress) as (staged, model, program):
        graph = program.graph
        image, report, project = make(model, program, staged, progress)
        if request.run:
            report = _run(request, model, graph, image, report, progress)
            report = _listen(request, model, program, image, report, progress)
            _check_stack(report)
        if board.renode:
            files.write_files(_renode_files(board, model, graph), staged / renode_files.FOLDER)
        (staged / output.REPORT).write_text(report.to_json() + "\n", encoding="utf-8")
        _commit(request, staged, project, progress)
    return report


def is_without_runtime(request: BuildRequest) -> bool:
    """Whether `run_project` is all that can be done: the runtime is TFLite Micro, which is not there, and nothing is to
    be run."""
    return request.runtime == "tflm" and not request.run and not tflm.is_named(request.tflm_root)


def run_project(request: BuildRequest, progress: Progress) -> ProjectReport:
    """The model and a project whose CMake fetches TFLite Micro: no firmware, no figures. Raises as `run_build`."""
    _check_interpreter(request)
    with _staged(request, progress) as (staged, model, program):
        choices = tflm.choose(model.data, program, request.optimize)
        network = tflm.sparse(model.data, choices)
        (staged / output.TFLM_MODEL).write_bytes(network.model)
        project = tflm.unbuilt_project(program, network, request.name or model.name, choices)
        output.write_project(project, staged, request.output)
        _commit(request, staged, project, progress)
    return tflm_report.project_report(program, choices, model.name, request.optimize)


@contextmanager
def _staged(request: BuildRequest, progress: Progress) -> Iterator[tuple[Path, Model, Program]]:
    """The model, read and lowered, and the temporary folder that it has been written to."""
    if request.output == Path():
        raise UsageError("the output folder must not be the current one: give a folder of its own with -o")
    int8_model.check_paths(request.model, request.calibration, request.requantize)
    _check_name(request.name)
    if not request.force:
        output.check_unedited(request.output)
    with files.staging(request.output) as staged:
        model = int8_model.make(request.model, request.calibration, progress, request.requantize)
        (staged / output.MODEL).write_bytes(model.data)
        progress("reading the model and choosing kernels")
        program = lower.lower(reader.read(model.data, model.origin), request.board, request.optimize)
        _verify_pattern(model, program)
        yield staged, model, program


def _verify_pattern(model: Model, program: Program) -> None:
    """A network that was pruned must still be pruned after quantization, layer by layer, in the bytes that will run."""
    for step in program.steps:
        if model.pattern != DENSE and matrix(step.op) is not None and not takes(model.pattern, step.pattern):
            raise ModelError(
                f'{model.origin}: layer "{step.op.name}" is {step.pattern} after quantization, not {model.pattern}'
            )


def _commit(request: BuildRequest, staged: Path, project: Project, progress: Progress) -> None:
    for path in output.commit(staged, request.output, project.yours, force=request.force):
        progress(f"leaving {path} as you changed it (delete it to get it anew)")


#: Firmware, what is known of it, and what the user gets to build it.
Made: TypeAlias = tuple[FirmwareImage, BuildReport, Project]
#: What makes firmware of a program in a staged folder, and writes the project there.
Make: TypeAlias = Callable[[Model, Program, Path, Progress], Made]


def _runtime(request: BuildRequest) -> Make:
    """Checked before anything slow starts: what the runtime needs is there."""
    if request.runtime not in RUNTIMES:
        raise UsageError(f'unknown runtime "{request.runtime}"; known: {", ".join(RUNTIMES)}')
    return RUNTIMES[request.runtime](request)


def _aot(request: BuildRequest) -> Make:
    """Plain C calls of our kernels, layer by layer."""
    if request.tflm_root is not None:
        raise UsageError("--tflm-root goes with --runtime tflm")
    board = request.board
    compiler = toolchain.find(board, request.compiler)
    projects.check(request.project, board)

    def make(model: Model, program: Program, staged: Path, progress: Progress) -> Made:
        try:
            return attempt(model, program, staged, progress)
        except FlashExceeded as error:
            smaller = _smaller(program, error.excess_bytes, request.optimize)
            if smaller is None:
                raise DoesNotFit(f"{error}; {lower.flash_advice(program, request.optimize)}") from None
            progress(f"choosing kernels with smaller constants: flash is exceeded by {error.excess_bytes:,} bytes")
        return make(model, smaller, staged, progress)

    def attempt(model: Model, program: Program, staged: Path, progress: Progress) -> Made:
        progress("generating C")
        source = codegen.generate(program, request.name or model.name, _front_end(request, model, program))
        project = projects.PROJECTS[request.project].make(program, source, model.name)
        output.write_project(project, staged, request.output)
        progress(f"compiling with {compiler.version}")
        image = _build(source, board, compiler, staged)
        report = build_report(program, image, model.name, request.optimize, model.accuracy)
        _check_fits(report)
        return image, report, project

    return make


def _smaller(program: Program, excess_bytes: int, optimize: Optimize) -> Program | None:
    """The fastest network whose constants are so much smaller; None where there is none."""
    room_bytes = lower.constant_bytes(program) - excess_bytes
    smaller = lower.lower(program.graph, program.board, optimize, room_bytes)
    return smaller if lower.constant_bytes(smaller) <= room_bytes else None


def _interpreter(request: BuildRequest) -> Make:
    """TFLite Micro's interpreter, with our kernels as a custom operator for sparse layers."""
    board = request.board
    _check_interpreter(request)
    tree, gcc = tflm.find(board, request.tflm_root), tflm.compiler(board)
    start = EMULATORS[known_emulator(board, board.emulators[0])]

    def make(model: Model, program: Program, staged: Path, progress: Progress) -> Made:
        name = request.name or model.name
        choices = tflm.choose(model.data, program, request.optimize)
        network = tflm.sparse(model.data, choices)
        (staged / output.TFLM_MODEL).write_bytes(network.model)
        progress(f"compiling with {gcc.version}, linking {tree.name} and measuring the arena")
        built = tflm.build(program, network, name, board, tree, gcc, start, staged)
        project = tflm.project(program, network, name, choices, tree, built.arena_bytes)
        output.write_project(project, staged, request.output)
        report = tflm_report.report(program, built, choices, tree, model.name, request.optimize, model.accuracy)
        _check_fits(report)
        return built.image, report, project

    return make


def _check_interpreter(request: BuildRequest) -> None:
    if request.project != "bare" or request.compiler not in (None, "gcc"):
        raise UsageError("--runtime tflm has one project and one compiler, gcc: leave --project and --compiler out")
    if request.audio or request.labels:
        raise UsageError("--audio is for firmware without interpreter: leave --runtime out")


RUNTIMES: dict[str, Callable[[BuildRequest], Make]] = {"aot": _aot, "tflm": _interpreter}


def _front_end(request: BuildRequest, model: Model, program: Program) -> FrontEnd | None:
    if not request.audio:
        if request.labels is not None:
            raise UsageError("--labels goes with --audio: only firmware that hears names its classes")
        return None
    labels = request.labels or model.labels
    if labels is None:
        raise UsageError(
            f"{model.origin}: --audio needs the names of the network's classes: --labels silence,unknown,yes,… "
            f"({program.graph.output.size_bytes} of them, in the order of its outputs)"
        )
    return front_end(request.board, program.graph.input, program.graph.output, labels)


def _build(source: FirmwareSource, board: Board, compiler: Compiler, staged: Path) -> FirmwareImage:
    """From a folder of its own, whatever the project looks like: all of them get the same image."""
    with tempfile.TemporaryDirectory(prefix=".build-", dir=staged) as folder:
        files.write_files(source.files, Path(folder))
        return build.build(source, board, compiler, Path(folder), staged)


def _check_name(name: str | None) -> None:
    """It is sent as m-model-[name] and stands in C."""
    if name is not None and not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", name):
        raise UsageError(f'--name "{name}" must be 1 to 40 letters, digits, ".", "_" and "-"')


def _renode_files(board: Board, model: Model, graph: Graph) -> dict[str, str]:
    """The machine as Renode knows it, and a suite that wants TFLite Micro's answer to one input."""
    sample = samples.make(graph.input, COMPARED_INPUTS)[-1:]
    expected, judge = expected_outputs(model.data, graph, sample)
    suite = renode_files.suite(board, graph.model_sha256[:16], sample[0], expected[0], judge)
    return {**renode_files.machine(board), **suite}


def _check_fits(report: BuildReport) -> None:
    if not report.fits:
        raise DoesNotFit(
            f"the firmware does not fit {report.board}: it needs {report.flash_bytes:,} of "
            f"{report.flash_bytes_available:,} bytes of flash and {report.ram_bytes:,} + "
            f"{report.stack_bytes_reserved:,} (stack) of {report.ram_bytes_available:,} bytes of RAM"
        )


def _check_stack(report: BuildReport) -> None:
    used, reserved = report.stack_bytes, report.stack_bytes_reserved
    if used is not None and reserved is not None and used >= reserved:
        raise DoesNotFit(
            f"the stack used all of its {reserved:,} bytes on {report.board}; raise ram.stack_bytes in the board file"
        )


def _run(
    request: BuildRequest, model: Model, graph: Graph, image: FirmwareImage, report: BuildReport, progress: Progress
) -> BuildReport:
    """Compares outputs with TFLite Micro over the firmware's own protocol, then profiles one inference."""
    board, count = request.board, request.compared_inputs or COMPARED_INPUTS
    inputs = samples.make(graph.input, count)
    emulator = known_emulator(board, board.emulators[0])
    progress(f"running {count} inputs in the emulator ({emulator})")
    outputs = benchmark.outputs(EMULATORS[emulator], image, board, inputs)
    expected, judge = expected_outputs(model.data, graph, inputs)
    equal = int((outputs == expected).all(axis=1).sum())
    report = replace(
        report, bit_exact=equal == len(inputs), inputs_compared=len(inputs), inputs_equal=equal, reference=judge
    )
    if emulator not in METERED:
        return replace(report, cost_model=f"not modelled: the emulator {emulator} does not count them")
    progress("counting instructions and modelling cycles of one inference")
    return with_profile(report, benchmark.profile(EMULATORS[emulator], image, board, inputs[-1]), board.cpu.clock_hz)


def _listen(
    request: BuildRequest, model: Model, program: Program, image: FirmwareImage, report: BuildReport, progress: Progress
) -> BuildReport:
    """Lets firmware that can hear a second of sound, and compares its features with Python's."""
    audio, board = _front_end(request, model, program), request.board
    if audio is None:
        return report
    emulator = known_emulator(board, board.emulators[0])
    progress("letting it hear a second of sound")
    start, metered = EMULATORS[emulator], emulator in METERED
    trial = hearing.try_out(start, image, board, program.graph.input, audio, metered=metered)
    deepest = max(report.stack_bytes or 0, trial.stack_bytes or 0)
    return replace(report, audio=trial, stack_bytes=deepest or None)


def known_emulator(board: Board, name: str) -> str:
    """`name`, if the board has that emulator. Raises UsageError with those that it has."""
    if name not in board.emulators or name not in EMULATORS:
        known = ", ".join(emulator for emulator in board.emulators if emulator in EMULATORS) or "none that is known"
        raise UsageError(f'{board.name} has no emulator "{name}"; it has: {known}')
    return name


def expected_outputs(model: bytes, graph: Graph, inputs: Int8) -> tuple[Int8, str]:
    """What TFLite Micro answers, `[samples, output bytes]`; without its wheel the NumPy reference. Says which."""
    judge = oracle.version()
    largest = max(op.input.size_bytes + op.output.size_bytes for op in graph.ops)
    if judge is not None:
        return oracle.infer(model, inputs, largest), judge
    answers = reference.infer(graph, inputs).reshape(len(inputs), -1)
    return answers, "tinyprune's NumPy reference (tflite-micro is not there)"
