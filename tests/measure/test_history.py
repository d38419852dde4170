"""Benchmarks over time."""

import dataclasses
import json
import threading
from pathlib import Path

import numpy as np
import pytest

from tinyprune.cli import show
from tinyprune.device import boards
from tinyprune.device.emulators import Profile
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import DataError, TargetError, UsageError
from tinyprune.measure import history
from tinyprune.measure.bench_report import BenchReport, Target, Truth, bench_report, to_csv
from tinyprune.measure.benchmark import Inference, Outcome
from tinyprune.tasks.bench import Bench

NANO33 = boards.load("nano33")
IMAGE = FirmwareImage("nano33", "ab" * 32, "gcc 12", Path("firmware.elf"), 1000, 200)
EXPECTED = np.array([[1, 2], [5, 3], [0, 9]], np.int8)
TRUTH = Truth("folder", ("no", "yes"), np.array([1, 0, 0]))


def profile(instructions: int) -> Profile:
    return Profile((), instructions, 2 * instructions, 100, (), "a table")


def outcome(outputs: np.ndarray = EXPECTED, times_us: tuple[float, ...] = (3000.0, 1000.0, 5000.0)) -> Outcome:
    done = tuple(
        Inference(output, time_us, profile(1000 + number))
        for number, (output, time_us) in enumerate(zip(outputs, times_us, strict=True))
    )
    return Outcome("it", "kws01", "abab", "modelled", done)


def report(found: Outcome | None = None, **changes: object) -> BenchReport:
    found = outcome() if found is None else found
    made = bench_report(NANO33, Target("emulator sim", "sim"), IMAGE, found, EXPECTED, "TFLM", runs=4, truth=TRUTH)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_a_report_sums_up() -> None:
    made = report()
    assert made.latency is not None
    assert (made.latency.min_us, made.latency.median_us, made.latency.max_us) == (1000, 3000, 5000)
    assert made.latency.inferences_a_second == pytest.approx(1e6 / 3000)
    assert made.latency.clock == "modelled"
    assert made.modelled_cycles is not None
    assert (made.modelled_cycles.min, made.modelled_cycles.median, made.modelled_cycles.max) == (2000, 2002, 2004)
    assert made.modelled_ms == pytest.approx(2002 / 64e3)
    assert (made.inputs, made.inferences, made.bit_exact, made.complete) == (3, 12, True, True)
    assert made.accuracy is not None
    assert (made.accuracy.correct, made.accuracy.samples) == (2, 3)
    assert [(c.label, c.correct, c.samples) for c in made.accuracy.classes] == [("no", 1, 2), ("yes", 1, 1)]


def test_a_run_that_broke_off_counts_as_far_as_it_came() -> None:
    first = outcome().inferences[:1]
    made = report(dataclasses.replace(outcome(), inferences=first, failure=TargetError("the port went away")))
    assert (made.complete, made.error) == (False, "the port went away")
    assert (made.inputs, made.inputs_compared, made.inputs_equal, made.bit_exact) == (3, 1, 1, True)
    assert made.accuracy is not None
    assert made.accuracy.samples == 1
    nothing = report(dataclasses.replace(outcome(), inferences=(), failure=KeyboardInterrupt()))
    assert (nothing.bit_exact, nothing.latency, nothing.accuracy, nothing.error) == (False, None, None, "interrupted")


def test_a_wrong_output_is_not_bit_exact() -> None:
    made = report(outcome(EXPECTED + np.array([[0, 0], [0, 1], [0, 0]], np.int8)))
    assert (made.bit_exact, made.inputs_equal) == (False, 2)


def test_the_table() -> None:
    lines = to_csv(outcome(), EXPECTED, ["a.wav", "b.wav", "c.wav"], TRUTH).splitlines()
    assert lines[0] == "input,label,answer,equal,time_us,clock,instructions,modelled_cycles,output"
    assert lines[1:3] == [
        "a.wav,yes,yes,1,3000.000,modelled,1000,2000,0102",
        "b.wav,no,no,1,1000.000,modelled,1001,2002,0503",
    ]
    unlabelled = to_csv(dataclasses.replace(outcome(), inferences=outcome().inferences[:1]), EXPECTED, ["0"], None)
    assert unlabelled.splitlines()[1:] == ["0,,1,1,3000.000,modelled,1000,2000,0102"]


def test_the_history_grows_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    threads = [threading.Thread(target=lambda: [history.append(path, report()) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = path.read_text().splitlines()
    assert len(lines) == 80
    assert all(json.loads(line) == json.loads(report(when=json.loads(line)["when"]).to_json()) for line in lines)


def test_a_line_that_was_cut_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history.append(path, report(device="first"))
    path.write_text(path.read_text() + '{"board": "nano3')
    history.append(path, report(device="second"))
    assert history.read(path, "nano33", "sim")["device"] == "second"
    assert len(path.read_text().splitlines()) == 3


def test_the_last_complete_run_of_the_same_board_and_emulator_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for made in (
        report(device="old"),
        report(device="wanted"),
        report(device="other board", board="host"),
        report(device="on a port", emulator=None, target="port x"),
        report(device="cut", complete=False),
    ):
        history.append(path, made)
    assert history.read(path, "nano33", "sim")["device"] == "wanted"
    assert history.read(path, "nano33", None)["device"] == "on a port"
    with pytest.raises(DataError, match="is of nano33, port x; it says nothing about nano33, emulator qemu"):
        history.read(path, "nano33", "qemu")


def test_a_report_of_its_own_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(report(device="it").to_json())
    assert history.read(path, "nano33", "sim")["device"] == "it"


@pytest.mark.parametrize("text", ["", "[]", "{}", "no JSON", '{"bit_exact": true}'])
def test_what_is_no_benchmark_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"old\.json: no complete benchmark"):
        history.read(path, "nano33", "sim")


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the old benchmark: No such file"):
        history.read(tmp_path / "none", "nano33", "sim")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot read the old benchmark: not text"):
        history.read(tmp_path / "binary", "nano33", "sim")
    with pytest.raises(UsageError, match="cannot add to the history: Is a directory"):
        history.append(tmp_path, report())
    with pytest.raises(UsageError, match=r"/dev/full: .*(No space|disk is full)"):
        history.append(Path("/dev/full"), report())


def worse(new: BenchReport, tolerance_percent: float = 2.0, points: float = 0.5) -> list[str]:
    changes = history.compare(json.loads(report().to_json()), new, tolerance_percent, points)
    return [change.what for change in changes if change.worse]


def scaled(factor: float) -> BenchReport:
    return report(outcome(times_us=(3000.0 * factor, 1000.0 * factor, 5000.0 * factor)))


def test_what_has_become_worse() -> None:
    assert worse(report()) == []
    assert worse(scaled(1.019)) == []
    assert worse(scaled(1.021)) == ["latency"]
    assert worse(scaled(1.021), tolerance_percent=3) == []
    assert worse(scaled(0.5)) == []
    assert worse(report(flash_bytes=1021, ram_bytes=205)) == ["flash", "RAM"]
    wrong = report(outcome(np.array([[2, 1], [5, 3], [0, 9]], np.int8)))
    assert worse(wrong) == ["accuracy", "bit-exact"]
    assert worse(wrong, points=40) == ["bit-exact"]


def test_times_of_another_clock_are_not_compared() -> None:
    fast = report(dataclasses.replace(outcome(times_us=(1.0, 1.0, 1.0)), clock="measured"))
    changes = history.compare(json.loads(report().to_json()), fast, 2.0, 0.5)
    assert changes[0] == history.Change("clock", "modelled", "measured", True)
    assert "latency" not in [change.what for change in changes]
    lines = show.bench_lines(Bench(fast, tuple(changes)))
    assert "WORSE  clock: modelled then, measured now" in lines


def test_every_change_is_told_in_a_line() -> None:
    old = json.loads(report(flash_bytes=1024, ram_bytes=0, instructions=None).to_json())
    old["accuracy"]["percent"] = 70.0
    new = report(dataclasses.replace(scaled_outcome(2), repeated=3, restarts=1))
    lines = show.bench_lines(Bench(new, tuple(history.compare(old, new, 2.0, 0.5)), ("cat",)))
    assert "latency          6.000 ms (min 2.000, max 10.000); modelled by the cycle table, not measured" in lines
    assert "accuracy         66.67 % (2 of 3 in folder)" in lines
    assert "left out         folders that are no label: cat" in lines
    assert "the line         inputs repeated: 3, restarts: 1" in lines
    assert lines[-6:] == [
        "WORSE  latency: 3.000 ms then, 6.000 ms now (+100.00%)",
        "ok     modelled cycles: 2,002 then, 2,002 now (+0.00%)",
        "ok     flash: 1,024 B then, 1,000 B now (-2.34%)",
        "WORSE  RAM: 0 B then, 200 B now",
        "WORSE  accuracy: 70.00 % then, 66.67 % now (-3.33 points)",
        "ok     bit-exact: yes then, yes now",
    ]


def test_a_clock_that_stands_still_is_told() -> None:
    still = report(instructions=None, modelled_cycles=None, modelled_ms=None, latency=None)
    assert "no latency       the firmware's clock stands still" in show.bench_lines(Bench(still))


def scaled_outcome(factor: float) -> Outcome:
    return outcome(times_us=(3000.0 * factor, 1000.0 * factor, 5000.0 * factor))
