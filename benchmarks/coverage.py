"""`python -m benchmarks.coverage FOLDER`: which of the .tflite files there build, and equal TFLite Micro byte for byte.

Every file is built for the board and its outputs are compared; one that does not fit is built for this computer.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from tinyprune import files
from tinyprune.compiler import reader
from tinyprune.compiler.operators import page
from tinyprune.device import boards
from tinyprune.errors import DoesNotFit, TinypruneError, printable
from tinyprune.measure.report import BuildReport
from tinyprune.tasks import build as build_task

PAGE = Path(__file__).parents[1] / "docs/operators.md"
#: What a file may be, in the order of the summary.
KINDS = ("int8 inside", "16-bit activations", "uint8 inside", "float inside", "for another chip", "damaged")
_LONGEST = 160  # of a reason, in a row


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a file. `reason`: what the user is told where it does not build, or does not fit the board."""

    file: str
    kind: str  # of KINDS
    board: str  # where it was built, "" if nowhere
    bit_exact: bool
    inputs_compared: int
    modelled_cycles: int | None
    flash_bytes: int | None
    ram_bytes: int | None
    arena_bytes: int | None
    reason: str = ""


def kind_of(data: bytes) -> str:
    """What sort of network a .tflite file holds, as its tensors and operators tell."""
    import tflite

    try:
        model = tflite.Model.GetRootAsModel(data, 0)
        graph = model.Subgraphs(0)
        tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
        operators = [graph.Operators(number) for number in range(graph.OperatorsLength())]
        codes = [model.OperatorCodes(op.OpcodeIndex()) for op in operators]
        kinds = [max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes]
        edges = {tflite.BuiltinOperator.QUANTIZE, tflite.BuiltinOperator.DEQUANTIZE}
        computed = {
            tensors[op.Outputs(n)].Type()
            for op, kind in zip(operators, kinds, strict=True)
            for n in range(op.OutputsLength())
            if kind not in edges and op.Outputs(n) >= 0
        }
    except reader.DAMAGE:
        return "damaged"
    if tflite.BuiltinOperator.CUSTOM in kinds:
        return "for another chip"
    for kind, type_ in (("float inside", "FLOAT32"), ("int8 inside", "INT8"), ("16-bit activations", "INT16")):
        if getattr(tflite.TensorType, type_) in computed:
            return kind
    return "uint8 inside" if tflite.TensorType.UINT8 in computed else "float inside"


def try_out(file: Path, board: boards.Board, count: int) -> Trial:
    """Builds a file and compares `count` outputs."""
    trial = Trial(file.name, kind_of(file.read_bytes()), "", False, 0, None, None, None, None)
    try:
        return _with_report(trial, _built(file, board, count))
    except DoesNotFit as error:
        found = try_out(file, boards.load("host"), count)
        return replace(found, reason=_told(error, file) if found.board else found.reason)
    except TinypruneError as error:
        return replace(trial, reason=_told(error, file))


def _told(error: TinypruneError, file: Path) -> str:
    """What the user is told, without where the file lies here."""
    return str(error).removeprefix(f"{file}: ").replace(str(file), "this file")


def _built(file: Path, board: boards.Board, count: int) -> BuildReport:
    with tempfile.TemporaryDirectory() as folder:
        request = build_task.BuildRequest(board, Path(folder) / "out", file, compared_inputs=count)
        return build_task.run_build(request, lambda _stage: None)


def _with_report(trial: Trial, report: BuildReport) -> Trial:
    return replace(
        trial,
        board=report.board,
        bit_exact=report.bit_exact,
        inputs_compared=report.inputs_compared,
        modelled_cycles=report.modelled_cycles,
        flash_bytes=report.flash_bytes,
        ram_bytes=report.ram_bytes,
        arena_bytes=report.arena_bytes,
    )


def summary(trials: Sequence[Trial], board: str) -> str:
    """A line for each kind of file."""
    heads = ("network", "files", "built and bit-identical", f"of these larger than {board}", "refused")
    lines = [f"| {' | '.join(heads)} |", "|---|--:|--:|--:|--:|"]
    for kind in KINDS:
        own = [trial for trial in trials if trial.kind == kind]
        exact = sum(trial.bit_exact for trial in own)
        large = sum(trial.bit_exact and trial.board != board for trial in own)
        if own:
            share = f"{exact} ({100 * exact / len(own):.0f} %)"
            lines.append(f"| {kind} | {len(own)} | {share} | {large} | {sum(not trial.board for trial in own)} |")
    return "\n".join(lines)


def rows(trials: Sequence[Trial]) -> str:
    """A line for each file that was built, then one for each reason why others were not."""
    heads = ("file", "built for", "bit-identical", "modelled cycles", "flash", "RAM", "arena")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|--:|--:|--:|--:|"]
    for trial in trials:
        if trial.board:
            figures = (trial.modelled_cycles, trial.flash_bytes, trial.ram_bytes, trial.arena_bytes)
            shown = " | ".join("–" if value is None else f"{value:,}" for value in figures)
            exact = f"{trial.inputs_compared} inputs" if trial.bit_exact else "**no**"
            lines.append(f"| `{_cell(trial.file)}` | {trial.board} | {exact} | {shown} |")
    reasons = Counter((trial.kind, _reason(trial)) for trial in trials if not trial.board)
    lines += ["", "| network | files | what the user is told (the beginning) |", "|---|--:|---|"]
    lines += [f"| {kind} | {count} | {reason} |" for (kind, reason), count in reasons.most_common()]
    return "\n".join(lines)


def _reason(trial: Trial) -> str:
    text = " ".join(trial.reason.split())
    return _cell(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _cell(text: str) -> str:
    """A file's name, or words with names out of it, as they can stand in a table."""
    return printable(text).replace("|", "/").replace("`", "'").replace("<", "‹").replace(">", "›")


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--board", "name", default="nano33", show_default=True)
@click.option("--inputs", "count", default=8, show_default=True, type=click.IntRange(1), help="Compared of each file.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path), help="Where results go as well.")
@click.option("--docs", is_flag=True, help="Write the tables into docs/operators.md.")
def main(folder: Path, name: str, count: int, output: Path | None, docs: bool) -> None:
    found = sorted(folder.rglob("*.tflite"))
    trials = []
    for number, file in enumerate(found):
        trials.append(try_out(file, boards.load(name), count))
        last = trials[-1]
        outcome = ("bit-identical" if last.bit_exact else "DIFFERS") if last.board else "refused"
        click.echo(f"{number + 1}/{len(found)} {printable(file.name)}: {outcome} {_reason(last)}", err=True)
    text = f"{summary(trials, name)}\n\n{rows(trials)}"
    click.echo(text)
    if output is not None:
        with files.whole(output) as part:
            part.write_text(json.dumps([asdict(trial) for trial in trials], indent=1) + "\n", encoding="utf-8")
    if docs:
        command = f"`python -m benchmarks.coverage FOLDER --board {name} --inputs {count} --docs` writes this section."
        page.write(PAGE, f"{page.MODELS}\n\n{len(found)} files from public repositories. {command}\n\n{text}\n")


if __name__ == "__main__":
    main()
