"""`python -m benchmarks.estimates FOLDER RESULTS`: how far `tinyprune check` was off for the .tflite files in FOLDER.

RESULTS is what `python -m benchmarks.coverage FOLDER --json RESULTS` wrote: the same files, built and run.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from tinyprune.device import boards
from tinyprune.tasks import check

#: Of a file's RESULTS, and of a board's check.
FIGURES = {"flash": "flash_bytes", "RAM": "ram_bytes", "arena": "arena_bytes", "cycles": "modelled_cycles"}
ESTIMATES = FIGURES | {"cycles": "cycles"}


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("results", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-v", "--verbose", is_flag=True, help="A line for each file as well.")
def main(folder: Path, results: Path, verbose: bool) -> None:
    ratios: dict[str, list[float]] = {figure: [] for figure in FIGURES}
    for trial in json.loads(results.read_text(encoding="utf-8")):
        if not trial["bit_exact"] or trial["board"] == "host":
            continue
        request = check.CheckRequest(folder / trial["file"], boards.load(trial["board"]))
        (found,) = check.run_check(request, lambda _stage: None).boards
        line = []
        for figure in FIGURES:
            estimated, built = getattr(found, ESTIMATES[figure]), trial[FIGURES[figure]]
            if estimated and built:
                ratios[figure].append(estimated / built)
                line.append(f"{figure} {estimated:,} for {built:,}")
        if verbose:
            click.echo(f"{trial['file']}: {', '.join(line)}")
    for figure, each in ratios.items():
        if each:
            click.echo(f"{figure:7} {summary(each)}")


def summary(ratios: Sequence[float]) -> str:
    """Of estimates to what was built."""
    low, middle, high = np.quantile(ratios, (0.1, 0.5, 0.9))
    apart = np.abs(np.array(ratios) - 1)
    half, most = 100 * np.quantile(apart, (0.5, 0.9))
    return (
        f"{len(ratios)} files; estimate / built: median {middle:.3f}, eight of ten {low:.3f} to {high:.3f}; "
        f"off by {half:.1f} % at the median, by at most {most:.1f} % in nine of ten"
    )


if __name__ == "__main__":
    main()
