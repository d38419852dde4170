"""What every page has, and its HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinyprune import __version__
from tinyprune.errors import printable
from tinyprune.measure.verdict import Verdict
from tinyprune.resources import PAGE_TEMPLATES

#: Of a text that a report brings; longer than any sentence of ours.
_LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Table:
    """`words`: how many columns from the left hold words; the others hold figures."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """`svg` is a chart of `charts.py`, the only text that is not escaped."""

    title: str
    text: str = ""
    svg: str = ""
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: a sentence and a command, if there is one."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    verdict: Verdict
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    next_steps: Sequence[Step] = ()
    notes: Sequence[str] = ()


def render(page: Page) -> str:
    """Of a page, its HTML. Characters that a browser would not show, or take for others, are shown as �."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(PAGE_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template("page.html").render(page=page, version=__version__, trusted=Markup)


def _shown(value: Any) -> Any:
    if type(value) is not str:
        return value
    return "\n".join(printable(line, _LONGEST) for line in value.split("\n"))
