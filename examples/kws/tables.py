"""From finished runs to `results.json` and `RESULTS.md`: means over seeds and paired differences."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

TRAINED, FINE_TUNED, STEPPED = "trained", "fine-tuned", "stepped"
RUNS = "runs"
RESULTS = "results.json"
#: What the README shows of all methods.
MATCH = "match"
README_METHODS = (TRAINED, FINE_TUNED, MATCH)
README_HEAD = """\
| DS-CNN | weights | method | epochs | seeds | int8 % | difference | modelled cycles | flash | deflated |
| --- | --- | --- | --: | --: | --: | --: | --: | --: | --: |
"""
#: Size, epochs of dense training, pattern, method, epochs, seed.
Key = tuple[str, int, str, str, int, int]
HEAD = """# What pruning costs and gains

Written by `python examples/kws/results.py`; edits are lost. Task kws10, {clips} validation clips of speakers that
training never heard; {training} training clips an epoch; an incomplete copy of Speech Commands. DS-CNN was trained
{dense_epochs} epochs, then pruned by reconstruction on 512 unlabelled clips; "fine-tuned" was then trained with the
mask held, "match" only matched to the dense network on the same 512 clips, without labels. Seeds are paired: from one
dense network each, with the same clips. The difference is int8 against the dense int8 network of the same seed, in
points, with its standard error over the seeds; dense "fine-tuned" is the dense network given the same further epochs,
of which there are 10: where pruned networks had 30 or 60, the dense ones of the difference had none, so part of what is
gained may be training and not pruning. No epoch was picked by its accuracy. The settings of "match" were chosen among
about eleven by accuracy on these very clips of size S, so its row there is optimistic; rows with 30 and 60 epochs were
run after shorter ones of the same kind had been seen. "stepped" prunes to ever stricter patterns and trains at each
(`tinyprune.prune.schedule`), in the same epochs altogether. "reordered": channels were first put into the order in
which the pattern loses least. "threshold-1" removes weights below one standard deviation of their layer's,
"channels-50" half of the channels between layers. M's 2:4 rows "match" and "fine-tuned" of seed 1 were made again on
2026-11-27, for their networks were lost; the first time the differences were -0.60 and -0.33. The third seed of 50 %
with 60 epochs was interrupted and went on twice.

Int8 accuracy is by TensorFlow Lite Micro. Cycles are modelled for the Arduino Nano 33 BLE (`tinyprune/cost.py`), not
measured on a board; weights are as the firmware of that build holds them, for speed; both of one seed, with the kernels
of the day in the last column (none: before 2026-11-24). Deflated: the int8 weights by zlib, mean over seeds.

| DS-CNN | pattern | method | epochs | seeds | float % | int8 % | difference | cycles | flash | weights \
| deflated | day |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
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
    (out / RUNS).mkdir(parents=True, exist_ok=True)
    _write(out / RUNS / f"{run.name}.json", json.dumps(asdict(run), indent=1) + "\n")


def read(out: Path) -> list[Run]:
    """The finished runs that `out` keeps."""
    return [Run(**json.loads(path.read_text())) for path in sorted((out / RUNS).glob("*.json"))]


def store_weights(model: Any, name: str, out: Path) -> None:
    """The float32 variables of a tf_keras model under their names."""
    (out / RUNS).mkdir(parents=True, exist_ok=True)
    part = out / RUNS / f"{name}.part.npz"
    np.savez_compressed(part, allow_pickle=False, **{variable.name: variable.numpy() for variable in model.weights})
    part.replace(out / RUNS / f"{name}.npz")


def load_weights(model: Any, name: str, out: Path) -> bool:
    """Whether there were any."""
    path = out / RUNS / f"{name}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as archive:
            model.set_weights([archive[variable.name] for variable in model.weights])
    return path.is_file()


def write(runs: Sequence[Run], folder: Path) -> None:
    """Both files, each whole or not at all."""
    groups = [list(group) for _, group in groupby(sorted(runs, key=_order), key=_kind)]
    dense = {(run.size, run.dense_epochs, run.seed): run for run in runs if run.method == TRAINED}
    rows = [row for group in groups for row in _rows(group, dense)]
    _write(folder / RESULTS, json.dumps(rows, indent=1) + "\n")
    head = HEAD.format(
        clips=_span([run.clips for run in runs]),
        training=_span([run.training_clips for run in runs]),
        dense_epochs=_span([run.dense_epochs for run in runs]),
    )
    _write(folder / "RESULTS.md", head + "".join(_line(float_row, row) for float_row, row in _pairs(rows)))


def put_into_readme(rows: Sequence[dict[str, Any]], page: Path) -> None:
    """Exchange the table between `<!-- accuracy -->` and `<!-- end -->`: int8, of each kind the longest training."""
    days = [date.fromisoformat(row["modelled_on"]) for row in rows if row["modelled_on"]]
    since = (max(days) - timedelta(days=1)).isoformat() if days else ""  # a night's work has the same kernels
    chosen = [row for row in rows if row["bits"] == 8 and row["method"] in README_METHODS]
    longest = {(row["model"], row["pattern"], row["method"]): row for row in sorted(chosen, key=lambda r: r["epochs"])}
    table = README_HEAD + "".join(_readme_line(row, since) for row in chosen if row in longest.values())
    text = page.read_text(encoding="utf-8")
    _write(page, re.sub(r"(?s)(?<=<!-- accuracy -->\n).*?(?=<!-- end -->)", lambda _: table, text, count=1))


def _kind(run: Run) -> tuple[Any, ...]:
    return run.size, run.dense_epochs, run.pattern, run.method, run.epochs


def _order(run: Run) -> tuple[Any, ...]:
    """Sizes S, M, L; dense first, then by pattern; seeds together."""
    _, *kind = _kind(run)
    return "SML".index(run.size), run.pattern != "dense", run.method != TRAINED, *kind, run.seed


def _rows(group: Sequence[Run], dense: dict[tuple[str, int, int], Run]) -> list[dict[str, Any]]:
    """A row in float, a row in int8."""
    first = group[0]
    modelled = [run for run in group if run.modelled_cycles is not None]
    counted = max(modelled, key=lambda run: (run.modelled_on or "", -run.seed), default=None)
    common = {
        "model": f"DS-CNN-{first.size}",
        "pattern": first.pattern,
        "method": first.method,
        "split": "validation",
        "seeds": [run.seed for run in group],
        "dense_epochs": first.dense_epochs,
        "epochs": first.epochs,
    }
    bases = [dense.get((run.size, run.dense_epochs, run.seed)) for run in group]
    paired = [base for base in bases if base is not None]
    float_row = common | _accuracies([r.float_accuracy for r in group], [b.float_accuracy for b in paired])
    int8_row = common | _accuracies([r.int8_accuracy for r in group], [b.int8_accuracy for b in paired])
    bytes_and_cycles = {
        "modelled_cycles": counted and counted.modelled_cycles,
        "weights_bytes": counted and counted.weights_bytes,
        "flash_bytes": counted and counted.flash_bytes,
        "modelled_on": counted and counted.modelled_on,
        "deflated_bytes": round(mean(run.deflated_bytes for run in group)),
    }
    nothing = dict.fromkeys(bytes_and_cycles)
    return [float_row | {"bits": 32} | nothing, int8_row | {"bits": 8} | bytes_and_cycles]


def _accuracies(values: Sequence[float], dense: Sequence[float]) -> dict[str, Any]:
    """In per cent; differences only where every run has its dense partner, their standard error from two seeds on."""
    paired = len(dense) == len(values)
    differences = [100 * (value - base) for value, base in zip(values, dense, strict=False)]
    return {
        "accuracy": round(100 * mean(values), 3),
        "accuracies": [round(100 * value, 3) for value in values],
        "difference": round(mean(differences), 3) if paired else None,
        "standard_error": round(stdev(differences) / len(values) ** 0.5, 3) if paired and len(values) > 1 else None,
    }


def _pairs(rows: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return list(zip(rows[::2], rows[1::2], strict=True))


def _line(float_row: dict[str, Any], row: dict[str, Any]) -> str:
    method = row["method"]
    cells = (
        row["model"][-1], row["pattern"], method, row["epochs"], len(row["seeds"]),
        f"{float_row['accuracy']:.2f}", f"{row['accuracy']:.2f}", "" if method == TRAINED else _difference(row),
        *(_number(row[key]) for key in ("modelled_cycles", "flash_bytes", "weights_bytes", "deflated_bytes")),
        row["modelled_on"] or "",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _readme_line(row: dict[str, Any], since: str) -> str:
    """Cycles and flash only where they are no older: other rows had other kernels."""
    is_recent = (row["modelled_on"] or "") >= since
    cells = (
        row["model"][-1], row["pattern"], row["method"], row["epochs"], len(row["seeds"]), f"{row['accuracy']:.2f}",
        "" if row["method"] == TRAINED else _difference(row),
        *(_number(row[key]) if is_recent else "" for key in ("modelled_cycles", "flash_bytes")),
        _number(row["deflated_bytes"]),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _difference(row: dict[str, Any]) -> str:
    if row["difference"] is None:
        return ""
    spread = "" if row["standard_error"] is None else f" ± {row['standard_error']:.2f}"
    return f"{row['difference']:+.2f}{spread}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
