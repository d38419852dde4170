"""From finished runs to `results.json` and `RESULTS.md`: means over seeds and paired differences."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from tinyprune import files

DENSE = "dense"
LEAST_ERROR, EXTREMES = "least-error", "extremes"
TRAINED, FINE_TUNED, STEPPED = "trained", "fine-tuned", "stepped"
#: Before a method: channels were put into another order first.
REORDERED = "reordered-"
#: Kernels have taken the cycles of today since this day, but for layers that a channel of large scale kept from theirs.
KERNELS_SINCE = "2026-11-27"
RUNS = "runs"
RESULTS = "results.json"
#: Without labels, on few clips or on all that training has.
MATCH, MATCH_ALL = "match", "match-all"
#: What the plot shows of all methods.
CHOSEN_METHODS = (TRAINED, FINE_TUNED, REORDERED + FINE_TUNED, MATCH, MATCH_ALL)
#: (pattern, method) of the README's few rows a size.
README_KINDS = frozenset({(DENSE, TRAINED), ("2:4", FINE_TUNED), ("2:4", MATCH)})
README_HEAD = """\
| DS-CNN | weights | method | epochs | seeds | accuracy | lost | modelled cycles | flash |
| --- | --- | --- | --: | --: | --: | --: | --: | --: |
"""
#: Size, epochs of dense training, pattern, method, epochs, seed.
Key = tuple[str, int, str, str, int, int]
HEAD = """# What pruning costs and gains

Written by `python examples/kws/results.py`; edits are lost. Task kws10, {clips} validation clips of speakers that
training never heard; {training} training clips an epoch; an incomplete copy of Speech Commands. DS-CNN was trained
{dense_epochs} epochs, then pruned by reconstruction on 512 unlabelled clips; "fine-tuned" was then trained with the
mask held, "match" only matched to the dense network on the same 512 clips, without labels, "match-all" on all
{training}, as they are. Seeds are paired: from one
dense network each, with the same clips. The difference is int8 against the dense int8 network of the same seed, in
points, with its standard error over the seeds: once against that network as it was trained, once ("as long") against
it after the same further epochs, which takes out what training alone gains. No epoch was picked by its accuracy.
"stepped" prunes to ever stricter patterns and trains at each (`tinyprune.training.prune.schedule`), in the same epochs
altogether. "reordered": channels were first put into the order in which the pattern loses least. "threshold-1" removes
weights below one standard deviation of their layer's, "channels-50" half of the channels between layers.

Int8 accuracy is by TensorFlow Lite Micro. "ranges" says what int8 covers of each tensor: the range of least squared
error (`tinyprune/training/ranges.py`), or all between the extremes; differences are between networks of one kind.
{ranges}

Cycles are modelled for the Arduino Nano 33 BLE (`tinyprune/device/cost.py`), not measured on a board; weights are as
the firmware of that build holds them, for speed; both are means over the seeds that were modelled on the day in the
last column (`modelled_seeds` in results.json), with the kernels of that day. Deflated: the int8 weights by zlib, mean
over seeds.

"""
#: In the folder of runs: what a reader must know of those that it has, in Markdown.
ABOUT = "about.md"
EARLIER = """
## Earlier and shorter runs

What a row above took the place of: fewer epochs, or ranges between the extremes.

"""
TABLE_HEAD = """\
| DS-CNN | pattern | method | epochs | ranges | seeds | float % | int8 % | difference | as long | cycles | flash \
| weights | deflated | day |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured of one network."""

    size: str
    pattern: str
    method: str
    seed: int
    dense_epochs: int
    epochs: int
    clips: int
    training_clips: int
    float_accuracy: float
    int8_accuracy: float
    deflated_bytes: int
    modelled_cycles: int | None = None
    weights_bytes: int | None = None
    flash_bytes: int | None = None
    modelled_on: str | None = None
    """The day on which cycles and flash were found, YYYY-MM-DD: kernels change."""
    ranges: str = EXTREMES
    """Which range of each tensor int8 covers (`tinyprune.training.quantize.RangeRule`)."""

    @property
    def key(self) -> Key:
        return self.size, self.dense_epochs, self.pattern, self.method, self.epochs, self.seed

    @property
    def name(self) -> str:
        return name_of(self.key)


def name_of(key: Key) -> str:
    """Of a run's files and folder."""
    size, dense_epochs, pattern, method, epochs, seed = key
    return f"{size}-seed{seed}-{dense_epochs}-{pattern.replace(':', 'x')}-{method}-{epochs}"


def store(run: Run, out: Path) -> None:
    """Keep a finished run for good: a file of its own in `out`/runs, which belongs into the repository."""
    kind = "" if run.ranges == EXTREMES else f"-{run.ranges}"
    _write(out / RUNS / f"{run.name}{kind}.json", json.dumps(asdict(run), indent=1) + "\n")


def read(out: Path) -> list[Run]:
    """The finished runs that `out` keeps."""
    return [Run(**json.loads(path.read_text())) for path in sorted((out / RUNS).glob("*.json"))]


def write(runs: Sequence[Run], folder: Path) -> None:
    """Both files, each whole or not at all."""
    groups = [list(group) for _, group in groupby(sorted(runs, key=_order), key=_kind)]
    by_key = {(*run.key, run.ranges): run for run in runs}
    pairs = [_rows(group, by_key) for group in groups]
    standing = _standing(int8_row for _, int8_row in pairs)
    pairs.sort(key=lambda pair: pair[1] not in standing)
    rows = [row for pair in pairs for row in pair]
    _write(folder / RESULTS, json.dumps(rows, indent=1) + "\n")
    head = HEAD.format(
        clips=_span([run.clips for run in runs]),
        training=_span([run.training_clips for run in runs]),
        dense_epochs=_span([run.dense_epochs for run in runs]),
        ranges=_both_ranges(runs),
    )
    about = folder / RUNS / ABOUT
    if about.is_file():
        head += about.read_text(encoding="utf-8") + "\n"
    now, before = ("".join(_line(*pair) for pair in part) for part in (pairs[: len(standing)], pairs[len(standing) :]))
    _write(folder / "RESULTS.md", head + TABLE_HEAD + now + (EARLIER + TABLE_HEAD + before if before else ""))


def _both_ranges(runs: Sequence[Run]) -> str:
    """What the choice of ranges does to networks that were quantized both ways; nothing where there are none."""
    least = {run.key: run for run in runs if run.ranges == LEAST_ERROR}
    pairs = [
        (run, least[run.key])
        for run in runs
        if run.ranges == EXTREMES and run.key in least and run.float_accuracy == least[run.key].float_accuracy
    ]
    if not pairs:
        return ""
    before, after = (
        [100 * (run.int8_accuracy - run.float_accuracy) for run in column] for column in zip(*pairs, strict=True)
    )
    return (
        f"{len(pairs)} networks were quantized both ways: int8 beside float is {mean(before):+.2f} points between "
        f"extremes (root mean square {mean(d * d for d in before) ** 0.5:.2f}), {mean(after):+.2f} "
        f"({mean(d * d for d in after) ** 0.5:.2f}) with least error."
    )


def chosen(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the plot shows: int8, what stands of the chosen methods; cycles only where kernels are today's."""
    shown = _standing(row for row in rows if row["bits"] == 8 and row["method"] in CHOSEN_METHODS)
    unknown = {"modelled_cycles": None, "flash_bytes": None}
    return [row if (row["modelled_on"] or "") >= KERNELS_SINCE else row | unknown for row in shown]


def _standing(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each kind the longest training, first of all with ranges of least error; in the order given."""
    given = list(rows)
    ranked = sorted(given, key=lambda row: (row["ranges"] == LEAST_ERROR, row["epochs"]))
    best = {(row["model"], row["pattern"], row["method"]): row for row in ranked}
    return [row for row in given if row is best[row["model"], row["pattern"], row["method"]]]


def put_into_readme(rows: Sequence[dict[str, Any]], page: Path) -> None:
    """Exchange the table between `<!-- accuracy -->` and `<!-- end -->`: of the chosen rows, the few that decide."""
    few = [row for row in chosen(rows) if (row["pattern"], row["method"]) in README_KINDS]
    table = README_HEAD + "".join(map(_readme_line, few))
    text = page.read_text(encoding="utf-8")
    _write(page, re.sub(r"(?s)(?<=<!-- accuracy -->\n).*?(?=<!-- end -->)", lambda _: table, text, count=1))


def _kind(run: Run) -> tuple[Any, ...]:
    return run.size, run.dense_epochs, run.pattern, run.method, run.epochs, run.ranges


def _order(run: Run) -> tuple[Any, ...]:
    """Sizes S, M, L; dense first, then by pattern; seeds together."""
    _, *kind = _kind(run)
    return "SML".index(run.size), run.pattern != DENSE, run.method != TRAINED, *kind, run.seed


def _rows(group: Sequence[Run], by_key: Mapping[tuple[Any, ...], Run]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row in float, a row in int8."""
    first = group[0]
    day = max((run.modelled_on or "" for run in group if run.modelled_cycles is not None), default=None)
    counted = [run for run in group if run.modelled_cycles is not None and (run.modelled_on or "") == day]
    common = {
        "model": f"DS-CNN-{first.size}",
        "pattern": first.pattern,
        "method": first.method,
        "split": "validation",
        "seeds": [run.seed for run in group],
        "dense_epochs": first.dense_epochs,
        "epochs": first.epochs,
        "ranges": first.ranges,
    }
    dense = {
        "": [by_key.get((r.size, r.dense_epochs, DENSE, TRAINED, r.dense_epochs, r.seed, r.ranges)) for r in group],
        "_as_long": [
            by_key.get((r.size, r.dense_epochs, DENSE, FINE_TUNED, r.epochs, r.seed, r.ranges)) for r in group
        ],
    }
    float_row, int8_row = (common | _accuracies(group, dense, figure) for figure in ("float_accuracy", "int8_accuracy"))
    bytes_and_cycles = {
        **{figure: _mean(counted, figure) for figure in ("modelled_cycles", "weights_bytes", "flash_bytes")},
        "modelled_on": day or None,
        "modelled_seeds": [run.seed for run in counted],
        "deflated_bytes": round(mean(run.deflated_bytes for run in group)),
    }
    nothing = dict.fromkeys(bytes_and_cycles)
    return float_row | {"bits": 32} | nothing, int8_row | {"bits": 8} | bytes_and_cycles


def _mean(counted: Sequence[Run], figure: str) -> int | None:
    values = [getattr(run, figure) for run in counted]
    return round(mean(values)) if values and None not in values else None


def _accuracies(group: Sequence[Run], dense: Mapping[str, Sequence[Run | None]], figure: str) -> dict[str, Any]:
    """In per cent; differences only where every run has its dense partner, their standard error from two seeds on."""
    values = [100 * getattr(run, figure) for run in group]
    row = {"accuracy": round(mean(values), 3), "accuracies": [round(value, 3) for value in values]}
    for suffix, partners in dense.items():
        pairs = zip(values, partners, strict=True)
        differences = [value - 100 * getattr(partner, figure) for value, partner in pairs if partner is not None]
        paired = len(differences) == len(values)
        row[f"difference{suffix}"] = round(mean(differences), 3) if paired else None
        row[f"standard_error{suffix}"] = (
            round(stdev(differences) / len(values) ** 0.5, 3) if paired and len(values) > 1 else None
        )
    return row


def _line(float_row: dict[str, Any], row: dict[str, Any]) -> str:
    cells = (
        row["model"][-1], row["pattern"], row["method"], row["epochs"], row["ranges"], len(row["seeds"]),
        f"{float_row['accuracy']:.2f}", f"{row['accuracy']:.2f}", _difference(row), _difference(row, "_as_long"),
        *(_number(row[key]) for key in ("modelled_cycles", "flash_bytes", "weights_bytes", "deflated_bytes")),
        row["modelled_on"] or "",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _readme_line(row: dict[str, Any]) -> str:
    cells = (
        row["model"][-1], row["pattern"], row["method"], row["epochs"], len(row["seeds"]), f"{row['accuracy']:.2f} %",
        _difference(row), *(_number(row[key]) for key in ("modelled_cycles", "flash_bytes")),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _difference(row: dict[str, Any], suffix: str = "") -> str:
    """Nothing for a network against itself."""
    difference, error = row[f"difference{suffix}"], row[f"standard_error{suffix}"]
    itself = row["pattern"] == DENSE and (row["method"] == TRAINED or suffix)
    if difference is None or itself:
        return ""
    return f"{difference:+.2f}" + ("" if error is None else f" ± {error:.2f}")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _write(path: Path, text: str) -> None:
    with files.replacing(path) as part:
        part.write_text(text, encoding="utf-8")
