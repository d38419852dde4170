"""The stages in order: the page to read first.

    zoo or the user's model ─quantize─▶ .tflite ─read─▶ Graph ─lower─▶ Program ─codegen─▶ FirmwareSource
        ─build─▶ FirmwareImage ─emulate─▶ Link ─benchmark─▶ outputs, compared with TFLite Micro ─▶ BuildReport

    FirmwareSource ─projects─▶ Project, which the user builds with tools of theirs

Everything is made in a temporary folder beside the output and moved there by rename at the end: a failed or interrupted
build leaves nothing behind and loses nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from tinyprune import files
from tinyprune.compiler import lower, oracle, reader, samples
from tinyprune.compiler.graph import Graph
from tinyprune.compiler.lower import Constants, Optimize
from tinyprune.compiler.program import Program
from tinyprune.compiler.samples import Source
from tinyprune.compiler.sparsity import DENSE, takes
from tinyprune.device import boards, emulators
from tinyprune.device.boards import Board
from tinyprune.device.emulators import renode_files
from tinyprune.device.firmware import Project
from tinyprune.errors import ModelError, UsageError
from tinyprune.firmware import names, output, tflm
from tinyprune.firmware.audio import GAINS_DB, FrontEnd, front_end
from tinyprune.measure import agreement, budget, tflm_report
from tinyprune.measure.report import BuildReport, ProjectReport
from tinyprune.progress import Progress
from tinyprune.sound.detector import LOUDEST
from tinyprune.tasks import int8_model, runs, runtimes, values
from tinyprune.tasks.int8_model import Model
from tinyprune.tasks.runtimes import Job, Runtime
from tinyprune.training import zoo

#: How many inputs a build compares with TFLite Micro.
COMPARED_INPUTS = 64
RUNTIMES = ("aot", "tflm")


@dataclass(frozen=True, slots=True, eq=False)
class BuildRequest:
    board: Board
    output: Path
    model: Path | None = None  # None: the zoo's default, with `audio` its network that hears
    calibration: Source | None = None  # for float models; with labels, for every model
    labels: Source | None = None  # [samples], the classes of the calibration samples
    compiler: str | None = None  # None: the first that is installed
    optimize: Optimize = "speed"
    constants: Constants = "flash"  # where weights lie when the network runs
    max_flash_bytes: int | None = None  # of the firmware; None: the board's
    max_ram_bytes: int | None = None  # with the stack; None: the board's
    max_cycles: int | None = None  # modelled, of an inference
    compare: Path | None = None  # report.json of an earlier build, which this one must not exceed
    project: str = "bare"  # a key of PROJECTS
    name: str | None = None  # of the network, in C and in the firmware; None: as the model is called
    audio: bool = False  # with the front end of a keyword network
    class_names: tuple[str, ...] | None = None  # None: those of the zoo entry
    runtime: str = "aot"  # a key of RUNTIMES
    tflm_root: Path | None = None  # None: what TFLM_ROOT says
    run: bool = True
    force: bool = False  # overwrite files that the user has changed
    compared_inputs: int | None = None  # with TFLite Micro; None: COMPARED_INPUTS
    requantize: bool = False  # the zoo's network, from its float weights
    trust: bool = False  # the file of a Keras model may run code
    gain_db: float | None = None  # of the microphone, with `audio`; None: Arduino's
    gate_db: float | None = None  # of full scale: fainter seconds are not looked at; None: as the network's rule has it


def run_build(request: BuildRequest, progress: Progress) -> BuildReport:
    """All of `tinyprune build`. Raises TinypruneError of every kind; nothing is left half-written."""
    board, count = request.board, request.compared_inputs or COMPARED_INPUTS
    runtime, earlier = _runtime(request), _earlier(request)
    with _staged(request, progress) as (staged, model, program):
        audio = _front_end(program, model, request) if request.audio else None
        name = request.name or model.name
        job = Job(model, program, name, request.optimize, request.constants, audio, staged, request.output, progress)
        made = runtime(job)
        report = _with_samples(made.report, model)
        if request.run:
            report = runs.tried(job, runtime, made, report, count)
        if request.max_cycles is not None:
            budget.check_cycles(report, request.max_cycles)
        if earlier is not None:
            budget.check_growth(earlier, report, str(request.compare))
        if board.renode:
            files.write_files(_renode_files(board, model.data, program.graph), staged / renode_files.FOLDER)
        (staged / output.REPORT).write_text(report.to_json() + "\n", encoding="utf-8")
        _commit(staged, request.output, made.project, progress, force=request.force)
    return report


def is_without_runtime(request: BuildRequest) -> bool:
    """Whether `run_project` is all that can be done: the runtime is TFLite Micro, which is not there, and nothing is to
    be run."""
    return request.runtime == "tflm" and not request.run and not tflm.is_named(request.tflm_root)


def run_project(request: BuildRequest, progress: Progress) -> ProjectReport:
    """The model and a project whose CMake fetches TFLite Micro: no firmware, no figures. Raises as `run_build`."""
    if request.max_cycles is not None or request.compare is not None:
        raise UsageError("--max-cycles and --compare need firmware: --runtime tflm links it where --tflm-root is given")
    runtimes.check_interpreter(request.project, request.compiler, hears=_hears(request))
    with _staged(request, progress) as (staged, model, program):
        runtimes.check_stateless(program)
        choices = tflm.choose(model.data, program, request.optimize)
        network = tflm.sparse(model.data, choices)
        (staged / output.TFLM_MODEL).write_bytes(network.model)
        project = tflm.unbuilt_project(program, network, request.name or model.name, choices)
        output.write_project(project, staged, request.output)
        _commit(staged, request.output, project, progress, force=request.force)
    return tflm_report.project_report(program, choices, model.name, request.optimize)


def _runtime(request: BuildRequest) -> Runtime:
    """Checked before anything slow starts: what the runtime needs is there."""
    values.one_of("optimize", request.optimize, get_args(Optimize))
    values.one_of("constants", request.constants, get_args(Constants))
    if request.class_names is not None and not request.audio and request.runtime == "aot":
        raise UsageError("--class-names goes with --audio: only firmware that hears names its classes")
    if not request.audio and (request.gain_db, request.gate_db) != (None, None):
        raise UsageError("--gain and --gate go with --audio: they are for firmware that hears")
    values.between(*GAINS_DB, gain=request.gain_db)
    values.between(-90, 0, gate=request.gate_db)
    if request.runtime == "aot":
        if request.tflm_root is not None:
            raise UsageError("--tflm-root goes with --runtime tflm")
        return runtimes.plain_c(_limited(request), request.compiler, request.project)
    if request.runtime == "tflm":
        if request.constants != "flash":
            raise UsageError(
                f"--constants {request.constants} is for firmware without interpreter: leave --runtime out"
            )
        runtimes.check_interpreter(request.project, request.compiler, hears=_hears(request))
        return runtimes.interpreter(_limited(request), request.tflm_root)
    raise UsageError(f'unknown runtime "{request.runtime}"; known: {", ".join(RUNTIMES)}')


def _earlier(request: BuildRequest) -> dict[str, Any] | None:
    """The report that the build must not exceed; read before anything slow starts."""
    values.at_least(1, max_cycles=request.max_cycles)
    if request.max_cycles is not None and not (request.run and emulators.named(request.board) in emulators.METERED):
        raise UsageError(
            f"--max-cycles needs a run in an emulator that counts cycles ({', '.join(emulators.METERED)}): "
            "leave --no-run out, and take a board that has one"
        )
    return None if request.compare is None else budget.read(request.compare, request.board.name)


def _limited(request: BuildRequest) -> Board:
    """What the firmware may use of the board."""
    values.at_least(1, max_flash=request.max_flash_bytes, max_ram=request.max_ram_bytes)
    return boards.limited(request.board, request.max_flash_bytes, request.max_ram_bytes)


def _hears(request: BuildRequest) -> bool:
    return request.audio or bool(request.class_names)


@contextmanager
def _staged(request: BuildRequest, progress: Progress) -> Iterator[tuple[Path, Model, Program]]:
    """The model, read and lowered, and the temporary folder that it has been written to."""
    _check_output(request.output)
    source = Path(zoo.HEARING) if request.model is None and request.audio else request.model
    int8_model.check_paths(source, request.calibration, request.requantize, request.labels)
    if request.name is not None:
        names.check(request.name)
    if not request.force:
        output.check_unedited(request.output)
    with files.staging(request.output) as staged:
        model = int8_model.make(
            source,
            request.calibration,
            progress,
            request.requantize,
            trust=request.trust,
            labels=request.labels,
        )
        (staged / output.MODEL).write_bytes(model.data)
        progress("reading the model and choosing kernels")
        graph = reader.read(model.data, model.origin)
        model = _measured(request, model, graph, progress)
        program = lower.lower(graph, _limited(request), request.optimize, constants=request.constants)
        _verify_pattern(model, program)
        yield staged, model, program


def _with_samples(report: BuildReport, model: Model) -> BuildReport:
    """With what the user's samples told of the network."""
    notes = (*report.notes, *model.notes)
    return replace(report, notes=notes, agreement=model.agreement, layer_errors=model.errors)


def _measured(request: BuildRequest, model: Model, graph: Graph, progress: Progress) -> Model:
    """With its accuracy on the user's samples, where labels are given for a network that was int8 already."""
    if request.labels is None or request.calibration is None or model.agreement is not None:
        return model
    progress("measuring accuracy")
    return replace(model, agreement=agreement.of_int8(graph, request.calibration, request.labels, model.origin))


def _check_output(output: Path) -> None:
    here = Path.cwd()
    if output.resolve() in (here, *here.parents):
        which = "be the current one" if output.resolve() == here else "hold the current one"
        raise UsageError(f"the output folder must not {which}: give a folder of its own with -o")


def _verify_pattern(model: Model, program: Program) -> None:
    """A network that was pruned must still be pruned after quantization, layer by layer, in the bytes that will run."""
    for step in program.steps:
        if model.pattern != DENSE and step.op.matrix is not None and not takes(model.pattern, step.pattern):
            raise ModelError(
                f'{model.origin}: layer "{step.op.name}" is {step.pattern} after quantization, not {model.pattern}'
            )


def _front_end(program: Program, model: Model, request: BuildRequest) -> FrontEnd:
    """What lets the network hear; names and settings that are given go before those of the model."""
    source, target = program.graph.ends("--audio")
    labels, rule = request.class_names or model.labels, model.rule
    if labels is None:
        raise UsageError(
            f"{model.origin}: --audio needs the names of the network's classes: --class-names silence,unknown,yes,… "
            f"({target.size_bytes} of them, in the order of its outputs)"
        )
    if request.gate_db is not None:
        rule = replace(rule, quiet_below=round(LOUDEST * 10 ** (request.gate_db / 20)))
    return front_end(program.board, source, target, labels, rule, request.gain_db)


def _renode_files(board: Board, model: bytes, graph: Graph) -> dict[str, str]:
    """The machine as Renode knows it, and a suite that wants TFLite Micro's answer to one input."""
    sample = samples.make(graph, COMPARED_INPUTS)[-1:]
    expected, judge = oracle.expected(model, graph, sample)
    suite = renode_files.suite(board, graph.model_sha256[:16], sample[0], expected[0], judge)
    return {**renode_files.machine(board), **suite}


def _commit(staged: Path, target: Path, project: Project, progress: Progress, *, force: bool) -> None:
    for path in output.commit(staged, target, project.yours, force=force):
        progress(f"leaving {path} as you changed it (delete it to get it anew)")
