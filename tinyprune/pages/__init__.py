"""Reports as pages for a browser: one file each that needs no network and runs no script.

A module a kind of report says what is on its page (`page.py`), in words and charts; `page.html` lays it out. Text of
reports is data of strangers: the template escapes all of it.
"""

import importlib.util
from pathlib import Path

from tinyprune import files
from tinyprune.errors import MissingDependency, UsageError
from tinyprune.measure.schema import Report
from tinyprune.measure.sweep_report import SweepReport


def check_target(path: Path) -> None:
    """Raises MissingDependency where nothing can be drawn, UsageError where `path` is a folder."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingDependency('a page needs matplotlib: pip install "tinyprune[html]"')
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file for the page, such as {path / 'report.html'}")


def make(report: Report | SweepReport) -> str:
    """The page of a report as HTML."""
    from tinyprune.measure.bench_report import BenchReport
    from tinyprune.measure.check_report import CheckReport
    from tinyprune.pages import bench, build, check, page, sweep

    if isinstance(report, SweepReport):
        return page.render(sweep.page(report))
    if isinstance(report, CheckReport):
        return page.render(check.page(report))
    return page.render(bench.page(report) if isinstance(report, BenchReport) else build.page(report))


def write(report: Report | SweepReport, path: Path) -> None:
    """Writes the page, whole or not at all. Raises as `check_target`, and UsageError where the file system refuses."""
    check_target(path)
    with files.replacing(path) as part:
        part.write_text(make(report), encoding="utf-8")
