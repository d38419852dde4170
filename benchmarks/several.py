"""Many networks on several boards, each as `measure.compare` has it: all in one run and one table."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict
from itertools import product
from pathlib import Path

import click

from benchmarks import measure
from benchmarks.comparison import Comparison, Row
from tinyprune.compiler import reader
from tinyprune.device import boards
from tinyprune.errors import TinypruneError, printable

_COLUMNS = (
    "network", "board", "engine", "weights", "modelled cycles", "speed", "flash", "RAM with stack",
    "inputs with all bytes equal",
)  # fmt: skip


def compare(
    paths: Sequence[Path], board_names: Sequence[str], compiler: str | None, variants: Sequence[measure.Variant]
) -> tuple[list[Comparison], dict[str, str]]:
    """Each network on each board, as many at a time as this machine has cores; and which could not run, and why."""
    jobs = list(product(paths, board_names))
    found: dict[tuple[Path, str], Comparison] = {}
    left_out: dict[str, str] = {}
    with ProcessPoolExecutor() as pool:
        futures: dict[Future[Comparison | str], tuple[Path, str]] = {
            pool.submit(_one, path, board, compiler, variants): (path, board) for path, board in jobs
        }
        label = f"{len(paths)} networks on {len(board_names)} boards"
        with click.progressbar(as_completed(futures), len(jobs), label, show_pos=True, file=sys.stderr) as bar:
            for future in bar:
                path, board = futures[future]
                result = future.result()
                if isinstance(result, str):
                    left_out[f"{path.name} on {Path(board).stem}"] = result
                else:
                    found[path, board] = result
    return [found[job] for job in jobs if job in found], left_out


def _one(path: Path, board: str, compiler: str | None, variants: Sequence[measure.Variant]) -> Comparison | str:
    try:
        data = reader.read_bytes(path)
        reader.read(data, path.name)  # what is behind it trusts the file
        return measure.compare(data, path.stem, boards.load(board), compiler, variants, lambda _stage: None)
    except TinypruneError as error:
        return str(error)


def markdown(comparisons: Sequence[Comparison]) -> str:
    """One line a network, board, engine and pattern."""
    lines = [_line(_COLUMNS), _line(["---"] * 4 + ["--:"] * (len(_COLUMNS) - 4))]
    return "\n".join([*lines, *(_line(_cells(one, row)) for one in comparisons for row in one.rows)])


def _cells(one: Comparison, row: Row) -> list[str]:
    speed = one.speed_up(row)
    counts = f"{row.modelled_cycles:,}", "–" if speed is None else f"{speed:.2f}×"
    memory = f"{row.flash_bytes:,}", f"{row.ram_bytes:,}"
    equal = f"{row.inputs_equal} of {row.inputs_compared}"
    return [f"`{printable(one.model)}`", one.board, row.engine, row.pattern, *counts, *memory, equal]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def to_json(comparisons: Sequence[Comparison], left_out: dict[str, str]) -> str:
    return json.dumps({"networks": [asdict(one) for one in comparisons], "left_out": left_out}, indent=1) + "\n"
