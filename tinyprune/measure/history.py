"""Benchmarks over time: a file that grows by a line a run, and what has become worse since an old run."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyprune import files
from tinyprune.errors import DataError, UsageError
from tinyprune.measure.bench_report import BenchReport

#: Report field → what people call it; more of it is worse.
_COSTS = {
    "latency.median_us": "latency",
    "modelled_cycles.median": "modelled cycles",
    "instructions.median": "instructions",
    "flash_bytes": "flash",
    "ram_bytes": "RAM",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One figure then and now, in the unit of the report. `worse`: beyond the tolerance."""

    what: str
    old: float | str
    new: float | str
    worse: bool


def check(path: Path) -> None:
    """Raises UsageError for a file that is no history: a line of JSON would spoil it."""
    try:
        with files.check_regular(path).open("rb") as stream:
            begin = stream.read(1)
    except FileNotFoundError:  # not there yet
        return
    except OSError as error:
        raise UsageError(f"{path}: cannot add to the history: {error.strerror}") from None
    if begin not in (b"", b"{"):
        raise UsageError(f"{path} is not a history of `tinyprune bench`; name another file with --history")


def append(path: Path, report: BenchReport) -> None:
    """Adds one line, whole or not at all, also while other runs add theirs. Raises UsageError where that fails."""
    try:
        binary = getattr(os, "O_BINARY", 0)  # Windows: line ends as they are
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | binary, 0o644)
        try:
            with files.alone(path):
                size = os.fstat(descriptor).st_size
                os.lseek(descriptor, max(0, size - 1), os.SEEK_SET)
                cut = size > 0 and os.read(descriptor, 1) != b"\n"
                line = ("\n" if cut else "") + report.to_json(indent=None) + "\n"
                if os.write(descriptor, line.encode()) != len(line.encode()):
                    os.ftruncate(descriptor, size)
                    raise UsageError(f"{path}: the disk is full; the history is as it was before")
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UsageError(f"{path}: cannot add to the history: {error.strerror}") from None


def read(path: Path, board: str, emulator: str | None) -> dict[str, Any]:
    """The report in `path`; of a history, the last complete one of that board and emulator (None: a port).

    Raises UsageError where there is no file, DataError where it holds no such report.
    """
    try:
        text = files.content(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"{path}: cannot read the old benchmark: {reason}") from None
    found = [report for report in _reports(text) if report.get("complete") is True]
    if not found:
        raise DataError(f"{path}: no complete benchmark of `tinyprune bench --json` or --history is in it")
    alike = [report for report in found if (report.get("board"), report.get("emulator")) == (board, emulator)]
    if not alike:
        last = found[-1]
        raise DataError(
            f"{path} is of {last.get('board')}, {last.get('target')}; it says nothing about {board}, "
            + (f"emulator {emulator}" if emulator else "on a port")
        )
    return alike[-1]


def _reports(text: str) -> list[dict[str, Any]]:
    """One JSON object, or one on each line; lines that are none are skipped: a machine may have died writing them."""
    reports = []
    for part in [text, *text.splitlines()]:
        try:
            value = json.loads(part)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and "bit_exact" in value:
            reports.append(value)
    return reports


def _figure(report: dict[str, Any], path: str) -> Any:
    value: Any = report
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def compare(
    old: dict[str, Any], report: BenchReport, tolerance_percent: float, accuracy_tolerance_points: float
) -> list[Change]:
    """Every figure that both runs have. A cost is worse above `tolerance_percent`; accuracy below its own tolerance;
    outputs that were bit-exact and are not, and times of another clock, are always worse."""
    new = json.loads(report.to_json())
    changes = []
    clocks = _figure(old, "latency.clock"), _figure(new, "latency.clock")
    if clocks[0] != clocks[1]:
        changes.append(Change("clock", str(clocks[0]), str(clocks[1]), True))
    for key, what in _COSTS.items():
        then, now = _figure(old, key), _figure(new, key)
        if _is_number(then) and _is_number(now) and (what != "latency" or clocks[0] == clocks[1]):
            changes.append(Change(what, then, now, now > then * (1 + tolerance_percent / 100)))
    then, now = _figure(old, "accuracy.percent"), _figure(new, "accuracy.percent")
    if _is_number(then) and _is_number(now):
        changes.append(Change("accuracy", then, now, now < then - accuracy_tolerance_points))
    exact = bool(old["bit_exact"]), report.bit_exact
    return [*changes, Change("bit-exact", *exact, exact == (True, False))]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
