"""Refuses values that make no sense, in whatever way they come: the command line refuses most of them by itself."""

from collections.abc import Sequence
from pathlib import Path

from tinyprune.errors import UsageError


def at_least(least: float, **given: float | None) -> None:
    """Raises UsageError for a value below `least`; None is no value."""
    for name, value in given.items():
        if value is not None and not value >= least:  # NaN is not
            raise UsageError(f"--{name.replace('_', '-')} {value:g}: {least:g} is the least")


def between(least: float, most: float, **given: float | None) -> None:
    """Raises UsageError for a value outside; None is no value."""
    for name, value in given.items():
        if value is not None and not least <= value <= most:
            raise UsageError(f"--{name.replace('_', '-')} {value:g}: it lies between {least:g} and {most:g}")


def one_of(name: str, value: str | None, known: Sequence[str]) -> None:
    """Raises UsageError for a word that is not known; None is no value."""
    if value is not None and value not in known:
        raise UsageError(f'unknown --{name} "{value}"; known: {", ".join(known)}')


def another_file(output: Path, model: Path) -> None:
    """Raises UsageError for an output that is the model itself."""
    if output.resolve() == model.resolve():
        raise UsageError(f"{output} is the model itself; give -o another name")
