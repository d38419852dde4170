"""What makes firmware of a lowered network: plain C calls of our kernels, or TFLite Micro's interpreter."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from tinyprune import files
from tinyprune.compiler import lower
from tinyprune.compiler.constants import ram_reserve, with_fewer
from tinyprune.compiler.lower import Constants, Optimize, Room
from tinyprune.compiler.program import Program
from tinyprune.device import emulators
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareImage, FirmwareSource, Project
from tinyprune.errors import DoesNotFit, MemoryExceeded, ModelError, UsageError
from tinyprune.firmware import build, codegen, output, projects, tflm, toolchain
from tinyprune.firmware.audio import FrontEnd
from tinyprune.firmware.toolchain import Compiler
from tinyprune.measure import tflm_report
from tinyprune.measure.report import BuildReport, build_report
from tinyprune.progress import Progress
from tinyprune.tasks.int8_model import Model

#: Networks that are built for speed leave the user's own code so many bytes of flash, or a sixteenth if that is less,
#: where slower kernels can do that.
FLASH_RESERVE = 4096


@dataclass(frozen=True, slots=True)
class Job:
    """One network for one board, and where firmware and project are to be written."""

    model: Model
    program: Program
    name: str  # of the network, in C and in the firmware
    optimize: Optimize
    constants: Constants
    audio: FrontEnd | None
    staged: Path
    output: Path  # where `staged` will go: there may be files that the user has changed
    progress: Progress


@dataclass(frozen=True, slots=True)
class Made:
    """Firmware of a program, what is known of it, and what the user gets to build it."""

    program: Program
    image: FirmwareImage
    report: BuildReport
    project: Project


Runtime: TypeAlias = Callable[[Job], Made]


def plain_c(board: Board, compiler_name: str | None, project_name: str) -> Runtime:
    """Calls of our kernels, layer by layer. Raises UsageError or MissingDependency where what it needs is not there."""
    compiler = toolchain.find(board, compiler_name)
    projects.check(project_name, board)

    def make(job: Job, program: Program, room: Room) -> Made:
        made: Made | None = None
        failure: MemoryExceeded | None = None
        region: str = "flash"
        try:
            made = attempt(job, program)
            over = _of_the_ram_reserve(made) if job.constants == "auto" else 0
            if over:
                return make(job, with_fewer(program, over), room)
            excess = _of_the_reserve(made.report, job.optimize)
            if not excess:
                return made
            why = f"{excess:,} bytes of what is kept free for your own code are taken"
        except MemoryExceeded as error:
            if error.region == "RAM" and program.ram_steps:
                return make(job, with_fewer(program, error.excess_bytes), room)
            failure, region, excess = error, error.region, error.excess_bytes
            why = f"{region} is exceeded by {excess:,} bytes"
        room = _less(room, program, region, excess)
        smaller = _smaller(program, job, room)
        if smaller is not None:
            job.progress(f"choosing kernels that need less {region}: {why}")
            try:
                return make(job, smaller, room)
            except DoesNotFit:  # by their code: what fits already is made again, over what the attempt has left
                if made is None:
                    raise
                return attempt(job, program)
        if made is not None:
            return made
        advice = f"; {lower.flash_advice(program, job.optimize)}" if region == "flash" else ""
        raise DoesNotFit(f"{failure}{advice}")

    def attempt(job: Job, program: Program) -> Made:
        job.progress("generating C")
        source = codegen.generate(program, job.name, job.audio)
        project = projects.PROJECTS[project_name].make(program, source, job.name)
        output.write_project(project, job.staged, job.output)
        job.progress(f"compiling with {compiler.version}")
        image = _build(source, board, compiler, job.staged)
        report = build_report(program, image, job.model.name, job.optimize, job.model.accuracy)
        _check_fits(report)
        return Made(program, image, report, project)

    return lambda job: make(job, job.program, Room())


def _of_the_reserve(report: BuildReport, optimize: Optimize) -> int:
    """How many bytes a network that is built for speed takes of the flash that is kept free."""
    available = report.flash_bytes_available
    if available is None or optimize != "speed":
        return 0
    return max(0, report.flash_bytes - (available - min(FLASH_RESERVE, available // 16)))


def _of_the_ram_reserve(made: Made) -> int:
    """How many bytes constants take of the RAM that "auto" keeps free."""
    report, program = made.report, made.program
    free = (report.ram_bytes_available or 0) - report.ram_bytes - (report.stack_bytes_reserved or 0)
    return max(0, min(ram_reserve(program.board) - free, program.ram_constant_bytes))


def _less(room: Room, program: Program, region: str, excess_bytes: int) -> Room:
    if region == "flash":
        return replace(room, constants=lower.constant_bytes(program) - excess_bytes)
    return replace(room, arena=program.arena.arena_bytes - excess_bytes)


def _smaller(program: Program, job: Job, room: Room) -> Program | None:
    """The best network for which there is room; None where there is none."""
    smaller = lower.lower(program.graph, program.board, job.optimize, room, job.constants)
    if room.constants is not None and lower.constant_bytes(smaller) > room.constants:
        return None
    if room.arena is not None and smaller.arena.arena_bytes > room.arena:
        return None
    return smaller


def _build(source: FirmwareSource, board: Board, compiler: Compiler, staged: Path) -> FirmwareImage:
    """From a folder of its own, whatever the project looks like: all of them get the same image."""
    with tempfile.TemporaryDirectory(prefix=".build-", dir=staged) as folder:
        files.write_files(source.files, Path(folder))
        return build.build(source, board, compiler, Path(folder), staged)


def interpreter(board: Board, tflm_root: Path | None) -> Runtime:
    """TFLite Micro's interpreter, with our kernels as a custom operator for sparse layers. Raises as `plain_c`."""
    tree, gcc = tflm.find(board, tflm_root), tflm.compiler(board)
    start = emulators.EMULATORS[emulators.named(board)]

    def make(job: Job) -> Made:
        model, program = job.model, job.program
        check_stateless(program)
        check_as_in_the_file(program)
        choices = tflm.choose(model.data, program, job.optimize)
        network = tflm.sparse(model.data, choices)
        (job.staged / output.TFLM_MODEL).write_bytes(network.model)
        job.progress(f"compiling with {gcc.version}, linking {tree.name} and measuring the arena")
        built = tflm.build(program, network, job.name, board, tree, gcc, start, job.staged)
        project = tflm.project(program, network, job.name, choices, tree, built.arena_bytes)
        output.write_project(project, job.staged, job.output)
        report = tflm_report.report(program, built, choices, tree, model.name, job.optimize, model.accuracy)
        _check_fits(report)
        return Made(program, built.image, report, project)

    return make


def check_stateless(program: Program) -> None:
    """Raises ModelError for networks with variables, which our TFLite Micro firmware does not set up."""
    if program.graph.states:
        raise ModelError(
            f'the model has variables ("{program.graph.states[0].name}" and so on), which --runtime tflm cannot keep: '
            "leave --runtime out"
        )


def check_as_in_the_file(program: Program) -> None:
    """Raises ModelError where TFLite Micro's firmware, which runs the file itself, would have to convert inputs,
    outputs or constants."""
    if program.graph.notes:
        note = program.graph.notes[0]
        raise ModelError(f"{note}; --runtime tflm takes plain int8 models only: leave --runtime out")


def _check_fits(report: BuildReport) -> None:
    if not report.fits:
        raise DoesNotFit(
            f"the firmware does not fit {report.board}: it needs {report.flash_bytes:,} of "
            f"{report.flash_bytes_available:,} bytes of flash and {report.ram_bytes:,} + "
            f"{report.stack_bytes_reserved:,} (stack) of {report.ram_bytes_available:,} bytes of RAM"
        )


def check_interpreter(project_name: str, compiler_name: str | None, *, hears: bool) -> None:
    """Raises UsageError for options that TFLite Micro's interpreter has no use for."""
    if project_name != "bare" or compiler_name not in (None, "gcc"):
        raise UsageError("--runtime tflm has one project and one compiler, gcc: leave --project and --compiler out")
    if hears:
        raise UsageError("--audio is for firmware without interpreter: leave --runtime out")
