"""Matplotlib's pictures as SVG that takes its colours from the page and tells what is under the pointer.

Colours stand for names while Matplotlib draws: the picture then has the page's, light or dark.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from xml.etree import ElementTree

from tinyprune.errors import printable
from tinyprune.resources import PAGE_TEMPLATES

#: Name of a colour in page.css → what stands for it.
COLOURS = {name: f"#fe01{number:02x}" for number, name in enumerate(("ink", "line", "soft", "now", "other", "third"))}
INK, LINE, SOFT, NOW, OTHER, THIRD = COLOURS.values()
_SETTINGS = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "tinyprune",
    "text.parse_math": False,  # a layer may be called $x$
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": LINE,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_WIDTH_INCHES = 8.6
_pictures = count(1)


class Canvas:
    """A figure, `height` in inches, and what its parts are called."""

    def __init__(self, height: float) -> None:
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
        self._tips: list[str] = []

    def tip(self, artist: Any, text: str) -> None:
        """Shown where the pointer is over an artist."""
        artist.set_gid(f"tip-{len(self._tips)}")
        self._tips.append(printable(text, 400))

    def svg(self, description: str, *, alone: bool = False) -> str:
        """The picture; `description` is for those who do not see it. `alone`: a file of its own, not part of a page."""
        written = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a font lacks characters of a name: the browser has another one
            self.figure.savefig(written, format="svg", metadata={"Date": None})
        root = ElementTree.fromstring(written.getvalue())
        _without_metadata(root)
        self._add_tips(root)
        _own_ids(root, "p" if alone else f"p{next(_pictures)}")
        for size in ("width", "height"):
            root.attrib.pop(size, None)
        root.attrib |= {"role": "img", "aria-label": printable(description, 400)}
        ElementTree.register_namespace("", _SVG)
        ElementTree.register_namespace("xlink", _XLINK)
        text = ElementTree.tostring(root, encoding="unicode")
        for name, stand_in in COLOURS.items():
            text = text.replace(stand_in, f"var(--{name})")
        return _with_colours(text) if alone else text

    def _add_tips(self, root: ElementTree.Element) -> None:
        for element in root.iter(f"{{{_SVG}}}g"):
            if found := re.fullmatch(r"tip-(\d+)", element.get("id", "")):
                title = ElementTree.Element(f"{{{_SVG}}}title")
                title.text = self._tips[int(found[1])]
                element.insert(0, title)


@contextmanager
def canvas(height: float) -> Iterator[Canvas]:
    """Matplotlib with the settings of our pages, while one picture is drawn."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        yield Canvas(height)


def _with_colours(picture: str) -> str:
    """A picture with the colours that a page would give it, on a ground of its own."""
    colours = (PAGE_TEMPLATES / "colours.css").read_text(encoding="utf-8")
    text = "text { font-family: system-ui, 'DejaVu Sans', sans-serif !important; }"
    style = f"<style>\n{colours}{text}\nsvg {{ background: var(--paper); }}\n</style>"
    return re.sub(r"(<svg[^>]*>)", lambda found: f"{found[1]}{style}", picture, count=1) + "\n"


def short(name: str, longest: int = 28) -> str:
    """A name beside an axis."""
    return printable(name, longest)


def _without_metadata(root: ElementTree.Element) -> None:
    for element in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(element)


def _own_ids(root: ElementTree.Element, prefix: str) -> None:
    """Several pictures are in one page: only what is referred to keeps an id, with a prefix of its own."""
    attributes = [(element, name, value) for element in root.iter() for name, value in element.attrib.items()]
    used = {found for _, name, value in attributes if name != "id" for found in re.findall(r"#([\w-]+)", value)}
    for element, name, value in attributes:
        if name == "id" and value not in used:
            del element.attrib["id"]
        elif name == "id":
            element.set("id", f"{prefix}-{value}")
        else:
            refers = re.sub(r"url\(#([\w-]+)\)", rf"url(#{prefix}-\1)", value)
            element.set(name, re.sub(r"^#(?=[\w-]+$)", f"#{prefix}-", refers) if name.endswith("href") else refers)
