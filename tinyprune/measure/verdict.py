"""The one sentence about a report that a user wants to know; `cli/` and `pages/` show it."""

from dataclasses import dataclass
from typing import Literal

from tinyprune.device.emulators import Span
from tinyprune.measure.audio_report import AudioReport
from tinyprune.measure.bench_report import BenchReport
from tinyprune.measure.check_report import CheckReport
from tinyprune.measure.prune_report import PruneFigures
from tinyprune.measure.quantize_report import QuantizeFigures
from tinyprune.measure.report import BuildReport
from tinyprune.measure.sweep_report import SweepReport
from tinyprune.measure.train_report import TrainReport


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: "open" where something has not been looked at."""

    text: str
    state: Literal["good", "open", "bad"]


def of_build(report: BuildReport) -> Verdict:
    if not report.fits:
        return Verdict(f"DOES NOT FIT {report.board}", "bad")
    if report.inputs_compared == 0:
        return Verdict(f"OK  fits {report.board}; not run, so its output was not compared", "open")
    speed = f", {span_ms(report.board_ms)} an inference (modelled)" if report.board_ms is not None else ""
    equal = f"{report.inputs_equal} of {report.inputs_compared} outputs are bit-identical to {report.reference}"
    return Verdict(f"OK  fits {report.board}{speed}; {equal}", "good")


def of_check(report: CheckReport) -> Verdict:
    if not report.runs:
        return Verdict(f"DOES NOT RUN  {report.message}", "bad")
    fitting = [board for board in report.boards if board.fits]
    if len(report.boards) == 1:
        (board,) = report.boards
        if not board.fits:
            return Verdict(f"DOES NOT FIT {board.board}  {board.reason}", "bad")
        speed = "" if board.ms is None else f", about {board.ms:,.1f} ms an inference (ideal memory)"
        return Verdict(f"RUNS  {report.model} fits {board.board}{speed}", "good")
    fits = f"RUNS  {report.model} fits {len(fitting)} of {len(report.boards)} boards"
    return Verdict(fits, "good" if fitting else "bad")


def of_bench(report: BenchReport) -> Verdict:
    if not report.complete:
        return Verdict(f"BROKEN OFF after {report.inputs_compared} of {report.inputs} inputs: {report.error}", "bad")
    same = f"{report.inputs_equal} of {report.inputs_compared} outputs are bit-identical to {report.reference}"
    return Verdict(f"OK  {same}", "good") if report.bit_exact else Verdict(f"WRONG  {same}", "bad")


def of_prune(report: PruneFigures) -> Verdict:
    if report.recommendation is not None and not report.layers:
        return of_sweep(report.recommendation)
    pruned = [layer for layer in report.layers if layer.pruned]
    weights, gone = sum(layer.weights for layer in pruned), sum(layer.zeros + layer.removed for layer in pruned)
    text = f"PRUNED  {len(pruned)} of {len(report.layers)} layers: {gone:,} of their {weights:,} weights removed"
    if scores := report.held_out:
        text += f"; {scores.metric} {scores.dense:.4f} dense, {scores.fine_tuned:.4f} pruned and trained on"
    return Verdict(text, "open" if report.notes else "good")


def of_quantize(report: QuantizeFigures) -> Verdict:
    state: Literal["good", "open"] = "open" if report.notes or report.unknown is not None else "good"
    found = report.agreement
    if found is None or not found.samples:
        return Verdict("QUANTIZED  to int8", state)
    parts = []
    if found.int8_correct is not None:
        beside = "" if found.float_correct is None else f" (float {found.float_correct / found.samples:.2%})"
        parts.append(f"{found.int8_correct / found.samples:.2%} of {found.samples:,} samples right{beside}")
    if found.agree is not None:
        parts.append(f"the same class as float for {found.agree / found.samples:.2%}")
    return Verdict("QUANTIZED  to int8; " + ", ".join(parts), state)


def of_sweep(report: SweepReport) -> Verdict:
    point = report.chosen
    if point is None:
        return Verdict(f"NONE TO TAKE  {report.reason}" if report.reason else "NONE TO TAKE", "bad")
    return Verdict(f"TAKE  {point.file or point.title}: {report.reason}", "good")


def of_train(report: TrainReport) -> Verdict:
    held_out = sum(map(sum, report.confusion))
    text = f"TRAINED  {report.accuracy_percent:.1f} ± {report.error_points:.1f} % of {held_out:,} clips held out"
    return Verdict(text, "open" if report.warnings else "good")


def of_audio(report: AudioReport) -> Verdict:
    heard = len(report.recordings)
    if report.error:
        return Verdict(f"BROKEN OFF after {heard:,} of {report.asked:,} recordings: {report.error}", "bad")
    if report.streams:
        said, hits = sum(tally.said for tally in report.streams), sum(tally.hits for tally in report.streams)
        alarms = sum(tally.false_alarms for tally in report.streams)
        minutes = sum(tally.seconds for tally in report.streams) / 60
        words = f"{hits:,} of {said:,} words recognized, " if said else ""
        return Verdict(f"OK  {words}{alarms:,} false alarms in {minutes:.1f} minutes", "good")
    if report.accuracy_percent is None:
        return Verdict(f"OK  {heard:,} recordings streamed; what is said in them is not known", "open")
    return Verdict(f"OK  {report.accuracy_percent:.2f} % of {report.known:,} recordings recognized", "good")


def span_ms(span: Span) -> str:
    return f"{span.low:.2f} ms" if span.low == span.high else f"{span.low:.2f} to {span.high:.2f} ms"
