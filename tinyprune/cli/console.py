"""What commands print with: a console, stages as they begin, bars of bytes."""

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


def make() -> "Console":
    from rich.console import Console

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Pipe(width=None if sys.stdout.isatty() else 160)


class Progress:
    """Stages as they begin: a spinner on a terminal, plain lines elsewhere, on standard error."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._status: Any = None

    def __enter__(self) -> "Callable[[str], None]":
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")
            self._status.start()
        return self._begin

    def _begin(self, stage: str) -> None:
        if self._status is not None:
            self._status.update(stage)
        elif not self._silent:
            click.echo(f"… {stage}", err=True)

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()


class BytesBar:
    """A bar of bytes for each step on a terminal, a line as it begins elsewhere."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Callable[[str, int, int | None], None]":
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

            columns = (
                "{task.description}",
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._bar.start()
        return self._advance

    def _advance(self, step: str, done_bytes: int, total_bytes: int | None) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bar and self._bar.add_task(step, total=total_bytes)
            if self._bar is None and not self._silent:
                click.echo(f"… {step}", err=True)
        if self._bar is not None:
            self._bar.update(self._tasks[step], completed=done_bytes, total=total_bytes)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()


class CountBar:
    """Stages, and a bar of things that get done: (stage, (done, all)); a line a stage where there is no terminal."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "tuple[Callable[[str], None], Callable[[int, int], None]]":
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

            columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self._begin, self._advance

    def _begin(self, stage: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=stage)
        elif not self._silent:
            click.echo(f"… {stage}", err=True)

    def _advance(self, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
