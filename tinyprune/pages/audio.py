"""What the page of recordings that microphone firmware heard says."""

from collections.abc import Iterator

from tinyprune.measure import verdict
from tinyprune.measure.audio_report import AudioReport, Heard
from tinyprune.pages.page import Page, Section, Table
from tinyprune.pages.parts import confusion_section, curve_section, streams_section

#: Of recordings that were recognized wrongly, so many are listed.
_MOST_WRONG = 100


def page(report: AudioReport) -> Page:
    return Page(
        title=f"Microphone firmware on {report.board}: {len(report.recordings):,} recordings",
        verdict=verdict.of_audio(report),
        facts=tuple(_facts(report)),
        sections=tuple(_sections(report)),
    )


def _facts(report: AudioReport) -> Iterator[tuple[str, str]]:
    yield "where it ran", report.target
    if report.accuracy_percent is not None:
        yield "accuracy", f"{report.accuracy_percent:.2f} % of {report.known:,} recordings"
    if report.python_accuracy_percent is not None:
        yield "accuracy of the features in Python and TFLite Micro", f"{report.python_accuracy_percent:.2f} %"
    if report.compared:
        yield "the same class as in Python", f"{report.agreeing:,} of {report.compared:,} seconds"
    times = {"a frame of 20 ms": report.frame_us, "features": report.features_us, "network": report.network_us}
    for name, us in times.items():
        if us is not None:
            yield f"time, {name} (clock: {report.clock})", f"{us:,.0f} µs"
    yield "model's SHA-256", f"{report.model_sha256[:16]}…"


def _sections(report: AudioReport) -> Iterator[Section]:
    yield from streams_section(report.streams)
    yield from curve_section(report.curve)
    if not report.streams:
        yield from confusion_section(*_confusion(report))
    wrong = [heard for heard in report.recordings if heard.right is False]
    if wrong:
        told = f"The first {_MOST_WRONG} of {len(wrong):,}." if len(wrong) > _MOST_WRONG else ""
        rows = [(heard.name, heard.word or "", heard.label, f"{heard.score:.2f}") for heard in wrong[:_MOST_WRONG]]
        yield Section(
            "Recognized wrongly", told, table=Table(("recording", "said", "recognized", "score"), rows, words=3)
        )


def _confusion(report: AudioReport) -> tuple[list[str], list[list[int]]]:
    """Labels, and for each that was said how often it was taken for each."""
    known: list[tuple[str, Heard]] = [(heard.word, heard) for heard in report.recordings if heard.word is not None]
    seen = dict.fromkeys([*report.labels, *(word for word, _ in known), *(heard.label for _, heard in known)])
    names = [name for name in seen if any(name in (word, heard.label) for word, heard in known)]
    counts = [
        [sum(word == row and heard.label == column for word, heard in known) for column in names] for row in names
    ]
    return names, counts
