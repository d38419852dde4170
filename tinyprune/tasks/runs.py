"""What a build sees of its firmware when it runs: the same outputs as TFLite Micro's, cycles, the depth of the stack.

Raises TargetError where outputs differ or the device fails, DoesNotFit where the stack is too small.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from tinyprune.compiler import oracle, samples
from tinyprune.device import emulators
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import DoesNotFit, TargetError
from tinyprune.measure import benchmark, hearing
from tinyprune.measure.report import BuildReport, with_profile
from tinyprune.tasks.runtimes import Job, Made, Runtime


def tried(job: Job, runtime: Runtime, made: Made, report: BuildReport, count: int) -> BuildReport:
    """The report with what `count` inputs, a profile and, where firmware hears, a second of sound showed."""
    report = _compared(job, made, report, count)
    _check_outputs(report)
    report = _compare_memories(job, runtime, made, report, count)
    report = _listen(job, made.image, report)
    _check_stack(report)
    return report


def _compared(job: Job, made: Made, report: BuildReport, count: int) -> BuildReport:
    """Compares outputs with TFLite Micro over the firmware's own protocol, then profiles one inference."""
    board, graph = made.program.board, made.program.graph
    inputs = samples.make(graph, count)
    emulator = emulators.named(board)
    start = emulators.EMULATORS[emulator]
    job.progress(f"running {count} inputs in the emulator ({emulator})")
    outputs = benchmark.outputs(start, made.image, board, inputs, stateful=bool(graph.states))
    expected, judge = oracle.expected(job.model.data, graph, inputs)
    equal = int((outputs == expected).all(axis=1).sum())
    report = replace(
        report, bit_exact=equal == len(inputs), inputs_compared=len(inputs), inputs_equal=equal, reference=judge
    )
    if emulator not in emulators.METERED:
        return replace(report, cost_model=f"not modelled: the emulator {emulator} does not count them")
    job.progress("counting instructions and modelling cycles of one inference")
    return with_profile(report, benchmark.profile(start, made.image, board, inputs[-1]), board.cpu.clock_hz)


def _compare_memories(job: Job, runtime: Runtime, made: Made, report: BuildReport, count: int) -> BuildReport:
    """With what the same network would take with all of its constants in flash, where some are in RAM."""
    if not made.program.ram_steps or report.board_cycles is None:
        return report
    job.progress("modelling the same with all constants in flash")
    program = replace(made.program, ram_steps=frozenset())
    with tempfile.TemporaryDirectory(prefix=".flash-", dir=job.staged) as folder:
        other = runtime(replace(job, program=program, constants="flash", staged=Path(folder)))
        start = emulators.EMULATORS[emulators.named(program.board)]
        profile = benchmark.profile(start, other.image, program.board, samples.make(program.graph, count)[-1])
    return replace(report, board_cycles_from_flash=profile.board_cycles)


def _listen(job: Job, image: FirmwareImage, report: BuildReport) -> BuildReport:
    """Lets firmware that can hear a second of sound, and compares its features with Python's."""
    audio, graph, board = job.audio, job.program.graph, job.program.board
    if audio is None:
        return report
    emulator = emulators.named(board)
    job.progress("letting it hear a second of sound")
    start, metered = emulators.EMULATORS[emulator], emulator in emulators.METERED
    trial = hearing.try_out(start, image, board, graph.inputs[0], audio, metered=metered)
    trial = replace(trial, chain=hearing.chain(trial, audio.rule, report.modelled_cycles, board.cpu.clock_hz))
    deepest = max(report.stack_bytes or 0, trial.stack_bytes or 0)
    return replace(report, audio=trial, stack_bytes=deepest or None)


def _check_outputs(report: BuildReport) -> None:
    wrong = report.inputs_compared - report.inputs_equal
    if wrong:
        raise TargetError(
            f"WRONG: {wrong} of {report.inputs_compared} outputs of the firmware for {report.board} differ from those "
            f"of {report.reference}. Nothing was written. This is a defect of tinyprune's: please report it with the "
            "model; another --optimize or --compiler may do"
        )


def _check_stack(report: BuildReport) -> None:
    used, reserved = report.stack_bytes, report.stack_bytes_reserved
    if used is not None and reserved is not None and used >= reserved:
        raise DoesNotFit(
            f"the stack used all of its {reserved:,} bytes on {report.board}; raise ram.stack_bytes in the board file"
        )
