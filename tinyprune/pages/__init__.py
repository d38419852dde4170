"""Reports as pages for a browser: one file each that needs no network and runs no script.

A module a kind of report says what is on its page (`page.py`), in words and charts; `page.html` lays it out. Text of
reports is data of strangers: the template escapes all of it.
"""

import importlib.util
from importlib import import_module
from pathlib import Path

from tinyprune import files
from tinyprune.errors import MissingDependency, UsageError
from tinyprune.measure.schema import Report


def check_target(path: Path) -> None:
    """Raises MissingDependency where nothing can be drawn, UsageError where `path` is a folder."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingDependency('a page needs matplotlib: pip install "tinyprune[html]"')
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file for the page, such as {path / 'report.html'}")


def make(report: Report) -> str:
    """The page of a report as HTML: the module of the kind that its schema names says what is on it."""
    from tinyprune.pages import page

    kind = import_module(f"tinyprune.pages.{report.schema.partition('-')[0]}")
    return page.render(kind.page(report))


def write(report: Report, path: Path) -> None:
    """Writes the page, whole or not at all. Raises as `check_target`, and UsageError where the file system refuses."""
    check_target(path)
    with files.replacing(path) as part:
        part.write_text(make(report), encoding="utf-8")
