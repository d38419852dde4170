"""`python -m benchmarks.terminal INPUTS`: the README's moving picture of a terminal, from commands that really ran.

INPUTS is a .npy of real inputs for the zoo's DS-CNN S. What the commands print on a terminal of 80 columns goes to
results/terminal.txt; `--redraw` draws results/terminal.svg from it again. Where the reader wants no motion, and on
paper, the last command's screen stands still.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

import click
from rich.text import Text

from tinyprune import files
from tinyprune.resources import PAGE_TEMPLATES
from tinyprune.training import zoo

RESULTS = Path(__file__).parent / "results"
COLUMNS, LINE, SIDE = 80, 18, 12
CHARACTER = 7.83  # of a 13 px monospaced font
MODEL = "ds-cnn-s-dense"
COMMANDS = (
    "tinyprune check model.tflite --board nano33",
    "tinyprune prune model.tflite --pattern 2:4 --data x.npy -o pruned.tflite",
    "tinyprune build --board nano33 --model pruned.tflite --html build.html",
)
#: Seconds that a command stands alone, that it takes from line to line, and that all of it stays.
ALONE, STEP, STAYS = 1.5, 0.08, 6.0
_STYLE = """
svg { background: var(--soft); font: 13px "DejaVu Sans Mono", Menlo, Consolas, monospace; }
text { fill: var(--ink); white-space: pre; }
.command { font-weight: bold; fill: var(--now); }
.good { font-weight: bold; fill: var(--good); }
.early { visibility: hidden; }
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, help=__doc__)
@click.argument("inputs", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--redraw", is_flag=True, help="Run nothing: draw what the last run printed.")
def main(inputs: Path | None, redraw: bool) -> None:
    written = RESULTS / "terminal.txt"
    if not redraw:
        if inputs is None:
            raise click.UsageError("give a .npy of real inputs, or --redraw")
        with files.whole(written) as part:
            part.write_text("\n".join(session(inputs)) + "\n", encoding="utf-8")
    with files.whole(RESULTS / "terminal.svg") as part:
        part.write_text(picture(written.read_text(encoding="utf-8")), encoding="utf-8")


def session(inputs: Path) -> Iterator[str]:
    """Each command after "$ ", then what it prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(zoo.int8_model(zoo.load(MODEL)))
        shutil.copy(inputs, folder / "x.npy")
        for command in COMMANDS:
            yield f"$ {command}"
            yield from (line.rstrip() for line in _printed(command, folder).splitlines())


def _printed(command: str, folder: Path) -> str:
    """What a command prints on a terminal, without its colours."""
    import fcntl  # Unix alone has these two; drawing needs neither
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    words = [sys.executable, "-m", *command.split()]
    with subprocess.Popen(words, cwd=folder, stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        printed = b"".join(_pieces(ours))
    os.close(ours)
    if process.returncode:
        raise click.ClickException(f"`{command}` ended with exit code {process.returncode}")
    return Text.from_ansi(printed.decode().replace("\r\n", "\n")).plain


def _pieces(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # how Linux says that nobody writes any more
            return
        if not piece:
            return
        yield piece


def picture(text: str) -> str:
    """A session as SVG: a screen a command, one after the other, again and again."""
    screens = [("$ " + screen).split("\n") for screen in text.removeprefix("$ ").rstrip().split("\n$ ")]
    screens = [[part for line in screen for part in _wrapped(line)] for screen in screens]
    height = max(map(len, screens)) * LINE + 2 * SIDE
    width = round(COLUMNS * CHARACTER) + 2 * SIDE
    ends = [ALONE + STEP * len(screen) + STAYS for screen in screens]
    total, begin = sum(ends), 0.0
    frames, lines = [], []
    for number, (screen, lasts) in enumerate(zip(screens, ends, strict=True)):
        for place, line in enumerate(screen):
            name = f"l{number}-{place}"
            appears = begin + (ALONE + STEP * place if place else 0)
            frames.append(_frames(name, appears / total, (begin + lasts) / total))
            kind = "command" if not place else "good" if line.startswith(("OK ", "RUNS ")) else ""
            early = "" if number == len(screens) - 1 else " early"
            y = SIDE + (place + 0.8) * LINE
            lines.append(f'<text id="{name}" class="{kind}{early}" x="{SIDE}" y="{y:.1f}">{escape(line)}</text>')
        begin += lasts
    moving = f"@media screen and (prefers-reduced-motion: no-preference) {{\n{_animated(frames, total)}}}\n"
    colours = (PAGE_TEMPLATES / "colours.css").read_text(encoding="utf-8")
    said = escape(" Then ".join(screen[0] for screen in screens))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{said}">'
    return "\n".join([head, f"<style>\n{colours}{_STYLE}{moving}</style>", *lines, "</svg>"]) + "\n"


def _wrapped(line: str) -> Iterator[str]:
    """As a terminal does it."""
    yield line[:COLUMNS]
    for start in range(COLUMNS, len(line), COLUMNS):
        yield line[start : start + COLUMNS]


def _frames(name: str, appears: float, goes: float) -> tuple[str, str]:
    shown = f"{100 * appears:.2f}% {{ visibility: visible; }} {100 * goes:.2f}% {{ visibility: hidden; }}"
    return name, f"@keyframes {name} {{ 0% {{ visibility: hidden; }} {shown} 100% {{ visibility: hidden; }} }}"


def _animated(frames: list[tuple[str, str]], total: float) -> str:
    rules = (f"{rule}\n#{name} {{ animation: {name} {total:.1f}s steps(1) infinite; }}\n" for name, rule in frames)
    return "".join(rules)


if __name__ == "__main__":
    main()
