"""What commands print with: a console, stages as they begin, bars of bytes."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tinyprune import progress
from tinyprune.cli import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table


def make() -> "Console":
    from rich.console import Console

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Pipe(width=None if sys.stdout.isatty() else 160)


#: More columns than any table needs.
_WIDE = 10_000


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of figures. `words` are the columns that hold none; `spare` those that a narrow terminal can miss, the
    first one first: a figure is never cut off."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str]
    spare: Sequence[str] = ()
    totals: Sequence[str] = ()

    def print(self, terminal: "Console") -> None:
        from rich.measure import Measurement

        missing: list[str] = []
        table = self._table(missing)
        for name in self.spare:
            if Measurement.get(terminal, terminal.options.update(max_width=_WIDE), table).maximum <= terminal.width:
                break
            missing.append(name)
            table = self._table(missing)
        terminal.print(table)
        if missing:
            columns = ", ".join(dict.fromkeys(missing))
            terminal.print(f"A wider terminal also shows: {columns}.", highlight=False)

    def _table(self, missing: Sequence[str]) -> "Table":
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_footer=bool(self.totals))
        kept = [number for number, head in enumerate(self.heads) if head not in missing]
        for number in kept:
            head, left = self.heads[number], self.heads[number] in self.words
            footer = self.totals[number] if self.totals else ""
            table.add_column(head, footer, justify="left" if left else "right", no_wrap=not left, overflow="fold")
        for row in self.rows:
            table.add_row(*(row[number] for number in kept if number < len(row)))
        return table


class _Display:
    """On standard error: something of rich's that moves on a terminal, a line as a stage begins elsewhere."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._live: Any = None

    def _start(self, make_live: "Callable[[Console], Any]") -> None:
        if not self._silent and sys.stderr.isatty() and not log.is_verbose():
            from rich.console import Console

            self._live = make_live(Console(stderr=True))
            self._live.start()

    def _say(self, stage: str) -> None:
        log.stage(stage)
        if self._live is None and not self._silent and not log.is_verbose():
            click.echo(f"… {stage}", err=True)

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()


class Progress(_Display):
    """Stages as they begin, with a spinner."""

    def __enter__(self) -> progress.Progress:
        self._start(lambda terminal: terminal.status("starting"))
        return self._begin

    def _begin(self, stage: str) -> None:
        self._say(stage)
        if self._live is not None:
            self._live.update(stage)


class BytesBar(_Display):
    """A bar of bytes for each step."""

    def __init__(self, silent: bool) -> None:
        super().__init__(silent)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> progress.BytesProgress:
        self._start(_bytes_bar)
        return self._advance

    def _advance(self, step: str, done_bytes: int, total_bytes: int | None) -> None:
        if step not in self._tasks:
            self._say(step)
            self._tasks[step] = self._live and self._live.add_task(step, total=total_bytes)
        if self._live is not None:
            self._live.update(self._tasks[step], completed=done_bytes, total=total_bytes)


class CountBar(_Display):
    """Stages, and a bar of things that get done: (stage, (done, all))."""

    def __init__(self, silent: bool) -> None:
        super().__init__(silent)
        self._task: Any = None

    def __enter__(self) -> tuple[progress.Progress, progress.CountProgress]:
        self._start(_count_bar)
        self._task = self._live and self._live.add_task("starting", total=None)
        return self._begin, self._advance

    def _begin(self, stage: str) -> None:
        self._say(stage)
        if self._live is not None:
            self._live.update(self._task, description=stage)

    def _advance(self, done: int, total: int) -> None:
        if self._live is not None:
            self._live.update(self._task, completed=done, total=total)


def _bytes_bar(terminal: "Console") -> Any:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=terminal)


def _count_bar(terminal: "Console") -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=terminal, transient=True)
