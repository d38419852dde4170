"""What the page of a training on recordings says."""

from collections.abc import Iterator

from tinyprune.measure import verdict
from tinyprune.measure.train_report import TrainReport
from tinyprune.pages.page import Page, Section, Step, Table
from tinyprune.pages.parts import confusion_section, curve_section, streams_section


def page(report: TrainReport) -> Page:
    return Page(
        title=f"A network for {len(report.labels)} classes: {', '.join(report.labels)}",
        verdict=verdict.of_train(report),
        facts=tuple(_facts(report)),
        sections=tuple(_sections(report)),
        next_steps=(
            Step("Build microphone firmware.", f"tinyprune build --board BOARD --audio --model {report.output}"),
            Step("Stream recordings to it before you flash a board.", "tinyprune audio --board BOARD --stream FOLDER"),
        ),
        notes=(*report.warnings, *report.notes),
    )


def _facts(report: TrainReport) -> Iterator[tuple[str, str]]:
    yield "accuracy held out, int8 at 2:4", f"{report.accuracy_percent:.1f} ± {report.error_points:.1f} %"
    yield "of words alone", f"{report.words_percent:.1f} ± {report.words_error_points:.1f} %"
    yield "dense, int8", f"{report.dense_accuracy_percent:.1f} %"
    yield "at 2:4, float", f"{report.float_accuracy_percent:.1f} %"
    yield "speakers or files held out", f"{report.groups:,}"
    yield "what it hears", report.front_end
    yield "written", str(report.output)


def _sections(report: TrainReport) -> Iterator[Section]:
    yield from confusion_section(report.labels, report.confusion)
    yield from streams_section(report.streams)
    yield from curve_section(report.curve)
    kinds = dict.fromkeys((*report.training_clips, *report.held_out_clips))
    rows = [
        (kind, f"{report.training_clips.get(kind, 0):,}", f"{report.held_out_clips.get(kind, 0):,}") for kind in kinds
    ]
    yield Section("Recordings", table=Table(("class", "for training", "held out"), rows))
