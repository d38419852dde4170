"""`python -m benchmarks.peers`: tinyprune with each pattern and its peers, in one run and one table.

Writes peers.json, peers.png, peers.svg and overview.svg (the README's picture) into benchmarks/results (or -o), and
prints the Markdown table; `--docs` puts the tables into the marked blocks of docs/kernels.md as well. All instruction
counts and cycles come from the built-in emulator with tinyprune/device/cost.py; test_qemu.py holds the counts against
QEMU's.

`python -m benchmarks.peers FOLDER --board B --board C` does so for every .tflite of a folder on each board, dense
unless --pattern says otherwise, and writes networks.json and one table, networks.md.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from benchmarks import measure, plot, several, table, weights
from benchmarks.comparison import Comparison
from tinyprune import files
from tinyprune.compiler import reader
from tinyprune.device import boards
from tinyprune.errors import TinypruneError, UsageError, printable
from tinyprune.firmware import toolchain
from tinyprune.training import zoo

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
PAGE = ROOT / "docs/kernels.md"
FOR_SIZE = ("dense", "2:4")
ZOO_MODEL = "ds-cnn-s-dense"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--board",
    "board_names",
    multiple=True,
    default=("nano33",),
    show_default=True,
    help="A board whose emulator counts instructions; several with a FOLDER.",
)
@click.option("--compiler", type=click.Choice(list(toolchain.COMPILERS)), help="Default: the first that is installed.")
@click.option("--model", type=click.Path(path_type=Path), help=f"An int8 .tflite; default: the zoo's {ZOO_MODEL}.")
@click.option("--pattern", "patterns", multiple=True, type=click.Choice(list(weights.PATTERNS)), help="Default: all.")
@click.option("--size/--no-size", default=True, help="Also with --optimize size, dense and 2:4.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=RESULTS, help="Folder for JSON and plot.")
@click.option("--docs", is_flag=True, help="Put the tables into docs/kernels.md.")
@click.option("--redraw", is_flag=True, help="Measure nothing: read the JSON of the last run.")
def main(
    folder: Path | None,
    board_names: tuple[str, ...],
    compiler: str | None,
    model: Path | None,
    patterns: tuple[str, ...],
    size: bool,
    output: Path,
    docs: bool,
    redraw: bool,
) -> None:
    """Measures tinyprune against its peers: one network with every pattern, or those of a FOLDER."""
    try:
        if folder is not None:
            if model or docs or redraw:
                raise UsageError("--model, --docs and --redraw are for one network, not for a folder")
            _folder(folder, board_names, compiler, _variants(patterns or ("dense",), size=False), output)
            return
        if len(board_names) > 1:
            raise UsageError("several boards are for a FOLDER of networks")
        if redraw:
            comparison = table.from_json(output / "peers.json")
        else:
            data, name = read_model(model)
            variants = _variants(patterns or tuple(weights.PATTERNS), size)
            progress = partial(click.echo, err=True)
            comparison = measure.compare(data, name, boards.load(board_names[0]), compiler, variants, progress)
        output.mkdir(parents=True, exist_ok=True)
        with files.whole(output / "peers.json") as part:
            part.write_text(table.to_json(comparison), encoding="utf-8")
        click.echo(table.network(comparison))
        if docs:
            table.rewrite(PAGE, blocks(comparison))
        plot.draw(comparison, output / "peers")
        plot.overview(comparison, output / "overview.svg")
    except TinypruneError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


def _variants(patterns: Sequence[str], size: bool) -> list[measure.Variant]:
    for_speed: list[measure.Variant] = [(pattern, "speed") for pattern in patterns]
    return for_speed + [(pattern, "size") for pattern in FOR_SIZE if size]


def _folder(
    networks: Path, board_names: Sequence[str], compiler: str | None, variants: Sequence[measure.Variant], output: Path
) -> None:
    comparisons, left_out = several.compare(sorted(networks.rglob("*.tflite")), board_names, compiler, variants)
    output.mkdir(parents=True, exist_ok=True)
    written = {"networks.json": several.to_json(comparisons, left_out), "networks.md": several.markdown(comparisons)}
    for name, text in written.items():
        with files.whole(output / name) as part:
            part.write_text(text, encoding="utf-8")
    for name, reason in left_out.items():
        click.echo(f"left out: {printable(name)}: {printable(reason.splitlines()[0])}", err=True)
    click.echo(written["networks.md"])


def blocks(comparison: Comparison) -> dict[str, str]:
    """What the marked blocks of the page hold."""
    return {"peers": table.network(comparison), "peers by layer": table.layers(comparison)}


def read_model(path: Path | None) -> tuple[bytes, str]:
    """A model's bytes and name: the file's, or the zoo's dense one."""
    if path is not None:
        return reader.read_bytes(path), path.stem
    return zoo.int8_model(zoo.load(ZOO_MODEL)), ZOO_MODEL


if __name__ == "__main__":
    main()
