"""What a build found, as data and as JSON; `show.py` makes text of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from tinyprune import __version__
from tinyprune.compiler import lower
from tinyprune.compiler.corner import corner
from tinyprune.compiler.graph import Activation
from tinyprune.compiler.operators.weighted import Weighted
from tinyprune.compiler.program import Program, Resident
from tinyprune.device.boards import Board
from tinyprune.device.emulators import LayerProfile, Profile, Span
from tinyprune.device.firmware import FORMAT, FirmwareImage
from tinyprune.errors import TargetError
from tinyprune.measure import cmsis_nn
from tinyprune.measure.agreement import Agreement
from tinyprune.measure.estimate import dense_ratio
from tinyprune.measure.hearing import AudioTrial
from tinyprune.measure.quantize_report import LayerFigures


@dataclass(frozen=True, slots=True)
class Accuracy:
    """As recorded when the model was trained; `build` does not measure it."""

    percent: float
    dense_percent: float | None
    dataset: str
    split: str
    clips: int
    same_bytes: bool  # whether what runs is, byte for byte, what was measured; requantized, it may not be


@dataclass(frozen=True, slots=True)
class EndReport:
    """An input or output of the network: real value = scale × (stored value − zero_point)."""

    name: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer. Instructions and cycles are None where nothing was run or the board has no meter.

    `modelled_cycles`: with ideal memory, which compare between boards and tools. `board_cycles`: with the board's
    memory and all of its core's rules, modelled as well.
    """

    name: str
    op: str
    shape: tuple[int, ...]  # of the output, [height, width, channels] or [features]
    kernel: str
    layout: str  # of the output map
    reason: str
    pattern: str
    zeros: float | None  # fraction of the weights
    macs: int
    weights_bytes: int
    weights_bytes_dense: int
    instructions: int | None
    modelled_cycles: int | None
    board_cycles: Span | None = None
    constants: Literal["flash", "ram"] = "flash"  # where they are read
    constant_bytes: int | None = None  # in flash: weights, biases, requantization; None where a runtime keeps them
    dense_cycles_ratio: float | None = None  # expected of the fastest dense kernel, to what runs here
    weights_corner: tuple[str, ...] = ()  # some output channels and taps: "#" a weight, "." a zero
    cmsis_nn_cycles: int | None = None  # modelled, of CMSIS-NN's kernel for the dense layer (cmsis_nn.py)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """See docs/reports.md for each field; sizes are measured from the ELF, the stack from the run.

    `modelled_cycles` and `modelled_ms`: with ideal memory. `board_cycles` and `board_ms`: what the board takes by the
    model of docs/cycle-model.md, from and to.
    """

    board: str
    model: str
    model_sha256: str
    tinyprune: str
    compiler: str
    optimize: str
    image: str  # file name in the output folder
    fits: bool
    flash_bytes: int
    flash_bytes_available: int | None
    ram_bytes: int
    ram_bytes_available: int | None
    arena_bytes: int
    arena_bytes_lower_bound: int
    stack_bytes: int | None
    stack_bytes_reserved: int | None
    weights_bytes: int
    weights_bytes_dense: int
    layers: tuple[LayerReport, ...]
    macs: int
    instructions: int | None
    modelled_cycles: int | None
    modelled_ms: float | None
    cost_model: str | None
    bit_exact: bool
    inputs_compared: int
    inputs_equal: int
    reference: str | None
    accuracy: Accuracy | None
    board_cycles: Span | None = None
    board_ms: Span | None = None
    ram_constants_bytes: int = 0  # of the RAM: constants that are copied there at the start
    board_cycles_from_flash: Span | None = None  # of the same network without those copies
    runtime: str = "aot"  # or the TFLite Micro whose interpreter runs it
    audio: AudioTrial | None = None  # of firmware that hears
    inputs: tuple[EndReport, ...] = ()
    outputs: tuple[EndReport, ...] = ()
    arena_bytes_smallest: int | None = None  # with --optimize ram
    arena_smallest_cycles_ratio: float | None = None  # to what this build takes, by the figures that rank kernels
    constant_bytes: int | None = None  # of the flash: weights as the kernels want them, biases, scales
    constant_bytes_smallest: int | None = None  # with --optimize size
    constants_smallest_cycles_ratio: float | None = None  # to what this build takes, by the figures that rank kernels
    state_bytes: int = 0  # of the arena: what the network keeps from one inference to the next
    notes: tuple[str, ...] = ()  # what differs from the model's file for whoever gives inputs and takes outputs
    format: int = FORMAT  # of the build, so that another tinyprune knows whether it can take it
    arena_map: tuple[Resident, ...] = ()  # what lies where in the arena, and when; empty where a runtime plans it
    agreement: Agreement | None = None  # with float and labels, on the samples that were given
    layer_errors: tuple[LayerFigures, ...] = ()  # beside float, where the build has quantized the network
    schema: str = "build-1"  # of this report: docs/reports.md

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """Of a project that has not been linked: nothing of it is measured. `kernels`: what runs each layer, and why."""

    board: str
    model: str
    model_sha256: str
    tinyprune: str
    optimize: str
    runtime: str
    kernels: dict[str, str]
    reasons: dict[str, str]
    linked: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def build_report(
    program: Program, image: FirmwareImage, model: str, optimize: str, accuracy: Accuracy | None
) -> BuildReport:
    """What is known before anything has run."""
    board, layers = program.board, tuple(_layer(program, number) for number in range(len(program.steps)))
    smallest, least = lower.smallest_arena(program), lower.smallest_constants(program)
    stack_reserved = board.ram.stack_bytes if board.ram else None
    return BuildReport(
        board=board.name,
        model=model,
        model_sha256=program.graph.model_sha256,
        tinyprune=__version__,
        compiler=image.compiler,
        optimize=optimize,
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
        accuracy=accuracy,
        ram_constants_bytes=program.ram_constant_bytes,
        inputs=_ends(program.graph.inputs, program.graph.input_names),
        outputs=_ends(program.graph.outputs, program.graph.output_names),
        arena_bytes_smallest=smallest.arena_bytes,
        arena_smallest_cycles_ratio=smallest.cycles_ratio,
        constant_bytes=lower.constant_bytes(program),
        constant_bytes_smallest=least.constant_bytes,
        constants_smallest_cycles_ratio=least.cycles_ratio,
        state_bytes=sum(state.size_bytes for state in program.graph.states),
        notes=program.graph.notes,
        arena_map=program.residents,
    )


def _ends(tensors: Sequence[Activation], names: Sequence[str]) -> tuple[EndReport, ...]:
    return tuple(
        EndReport(name, tensor.shape, float(tensor.scale), tensor.zero_point)
        for name, tensor in zip(names, tensors, strict=True)
    )


def _layer(program: Program, number: int) -> LayerReport:
    step = program.steps[number]
    op = step.op
    weights = op.weights if isinstance(op, Weighted) else None
    return LayerReport(
        name=op.name,
        op=type(op).__name__,
        shape=op.outputs[0].shape if op.outputs else op.inputs[0].shape,
        kernel=step.kernel.name,
        layout=step.output_layout.value,
        reason=step.reason,
        pattern=step.pattern,
        zeros=None if weights is None else float((weights == 0).mean()),
        macs=op.macs,
        weights_bytes=step.weights_bytes,
        weights_bytes_dense=0 if weights is None else weights.nbytes,
        instructions=None,
        modelled_cycles=None,
        constants="ram" if number in program.ram_steps else "flash",
        constant_bytes=step.constant_bytes,
        dense_cycles_ratio=dense_ratio(program, step),
        weights_corner=corner(op),
        cmsis_nn_cycles=cmsis_nn.cycles(op) if program.board.cpu.core == cmsis_nn.CORE else None,
    )


def _fits(image: FirmwareImage, board: Board) -> bool:
    return (
        board.flash is None
        or board.ram is None
        or (image.flash_bytes <= board.flash.bytes and image.ram_bytes + board.ram.stack_bytes <= board.ram.bytes)
    )


def with_profile(report: BuildReport, profile: Profile, clock_hz: int) -> BuildReport:
    """With what one inference took. Raises TargetError where the firmware has other layers than the network."""
    runs = by_layer(profile.layers, [layer.name for layer in report.layers])
    layers = tuple(
        replace(
            layer,
            instructions=run.instructions,
            modelled_cycles=run.modelled_cycles,
            board_cycles=run.board_cycles,
        )
        for layer, run in zip(report.layers, runs, strict=True)
    )
    return replace(
        report,
        layers=layers,
        instructions=profile.instructions,
        modelled_cycles=profile.modelled_cycles,
        modelled_ms=None if profile.modelled_cycles is None else 1e3 * profile.modelled_cycles / clock_hz,
        cost_model=profile.cost_model,
        board_cycles=profile.board_cycles,
        board_ms=profile.board_cycles and profile.board_cycles.ms(clock_hz),
        stack_bytes=profile.stack_bytes,
    )


def by_layer(profiles: Sequence[LayerProfile], names: Sequence[str]) -> list[LayerProfile]:
    """One profile for each of `names`: what has another name, a reshape in TFLite Micro, counts to the layer before.

    Raises TargetError where the firmware has other layers.
    """
    found: list[LayerProfile] = []
    for run in profiles:
        if run.name in names or not found:
            found.append(run)
        else:
            found[-1] = _both(found[-1], run)
    if [run.name for run in found] != list(names):
        raise TargetError(f"the profile has {len(found)} layers, the network {len(names)}, or they are named otherwise")
    return found


def _both(first: LayerProfile, second: LayerProfile) -> LayerProfile:
    cycles = (first.modelled_cycles, second.modelled_cycles)
    spans = (first.board_cycles, second.board_cycles)
    return replace(
        first,
        instructions=first.instructions + second.instructions,
        modelled_cycles=None if None in cycles else sum(part or 0 for part in cycles),
        board_cycles=None if spans[0] is None or spans[1] is None else spans[0] + spans[1],
    )
