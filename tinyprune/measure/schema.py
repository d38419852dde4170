"""What reports look like, in versions: JSON Schema, and reports of any age read back.

    python -m tinyprune.measure.schema

writes `schemas/`. Within a version fields are only added, always with a default: readers of older and newer reports
ignore what they do not know. Whoever takes a field away or changes its meaning begins a new version.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tinyprune import files
from tinyprune.errors import DataError, MissingDependency, UsageError, printable
from tinyprune.measure.audio_report import AudioReport
from tinyprune.measure.bench_report import BenchReport
from tinyprune.measure.check_report import CheckReport
from tinyprune.measure.prune_report import PruneFigures
from tinyprune.measure.quantize_report import QuantizeFigures
from tinyprune.measure.report import BuildReport
from tinyprune.measure.sweep_report import SweepReport
from tinyprune.measure.train_report import TrainReport

Report: TypeAlias = (
    BuildReport | CheckReport | BenchReport | PruneFigures | QuantizeFigures | AudioReport | SweepReport | TrainReport
)

#: What a report calls its schema → what it is read as.
VERSIONS: Mapping[str, type[Report]] = {
    "build-1": BuildReport,
    "check-1": CheckReport,
    "bench-1": BenchReport,
    "prune-1": PruneFigures,
    "quantize-1": QuantizeFigures,
    "audio-1": AudioReport,
    "sweep-1": SweepReport,
    "train-1": TrainReport,
}
FOLDER = Path(__file__).parent / "schemas"
#: A field that only one kind has: reports were without `schema` at first.
_MARKS = {
    "image": "build-1",
    "layers_on": "check-1",
    "inferences": "bench-1",
    "agreeing": "audio-1",
    "held_out_clips": "train-1",
}
_SHOWN_FAULTS = 5


def read(path: Path) -> Report:
    """The report that a command wrote with `--json`, or a build as `report.json`.

    Raises UsageError where there is no file, DataError with all that is wrong with it, MissingDependency without
    pydantic.
    """
    text = _text(path)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(f"{path} is not JSON; give the report.json of a build, or what --json printed") from None
    version = _version(path, found)
    adapter = _adapter(VERSIONS[version])
    from pydantic import ValidationError

    try:
        report: Report = adapter.validate_json(text, strict=True)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        told = "; ".join(printable(fault) for fault in faults[:_SHOWN_FAULTS])
        raise DataError(f"{path} is no report of schema {version}: {told}{more}") from None
    return report


def _text(path: Path) -> str:
    try:
        return files.content(path).decode()
    except OSError as error:
        raise UsageError(f"{path}: cannot read the report: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not text; give the report.json of a build, or what --json printed") from None


def _version(path: Path, found: Any) -> str:
    if not isinstance(found, dict):
        raise DataError(f"{path} is no report: it must be one JSON object")
    version = found.get("schema") or next((kind for mark, kind in _MARKS.items() if mark in found), None)
    if isinstance(version, str) and version in VERSIONS:
        return version
    known = ", ".join(VERSIONS)
    kinds = {each.partition("-")[0] for each in VERSIONS}
    if isinstance(version, str) and re.fullmatch(rf"({'|'.join(kinds)})-\d+", version):
        raise DataError(f"{path} is a report of schema {version}, this tinyprune reads {known}: update tinyprune")
    raise DataError(f"{path} is not a report of a kind that is known here: {known}")


def _adapter(kind: type[Report]) -> Any:
    try:
        from pydantic import TypeAdapter
    except ImportError:
        raise MissingDependency('reading a report needs pydantic: pip install "tinyprune[html]"') from None
    return TypeAdapter(kind)


def text(version: str) -> str:
    """The JSON Schema of a version, as its file has it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"tinyprune:{version}",
        **_adapter(VERSIONS[version]).json_schema(),
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in VERSIONS:
        (FOLDER / f"{name}.json").write_text(text(name), encoding="utf-8")
