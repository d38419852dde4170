"""Everything that reads somebody else's bytes, on right ones and on damaged ones; and the run that goes on."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz import kinds, run, targets
from tinyprune.errors import TinypruneError

CORPUS = Path(__file__).with_name("corpus")


def damaged(seed: bytes, random: np.random.Generator) -> bytes:
    data = bytearray(seed)
    for _ in range(int(random.integers(1, 5))):
        place, how = int(random.integers(len(data))), int(random.integers(4))
        data[place : place + how] = random.bytes(int(random.integers(0, 3)))
    return bytes(data)


@pytest.mark.filterwarnings("ignore")  # of NumPy, about headers of Python 2
@pytest.mark.parametrize("name", targets.TARGETS)
def test_any_bytes_are_answered_or_refused(name: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    right = targets.seeds(name)
    for one in right:
        targets.TARGETS[name](one)
    for number in range(200):
        with suppress(TinypruneError):
            targets.TARGETS[name](damaged(right[number % len(right)], random))


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.parent.name == "graphs" else [], id=path.name)
        for path in sorted(CORPUS.rglob("*.*"))
    ],
)
def test_what_was_found_once_stays_mended(path: Path) -> None:
    """A folder for each target, or for each kind of case."""
    name = path.parent.name
    if name in targets.TARGETS:
        with suppress(TinypruneError):
            targets.TARGETS[name](path.read_bytes())
    else:
        ((verdict, is_wrong),) = run.judged(name, [path.read_bytes()])
        assert not is_wrong, verdict


def test_a_run_goes_on_where_it_was_and_tells_what_it_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(case: bytes) -> str:
        if case == b"6":
            raise ZeroDivisionError("six")
        return "wrong on Sundays" if case == b"3" else "right"

    kind = kinds.Kind(lambda number: str(number).encode(), judge, ".txt", ("wrong",))
    monkeypatch.setitem(kinds.KINDS, "numbers", kind)

    def served(name: str, first: int, end: int) -> list[tuple[int, str, bool]]:
        numbers = range(first, end)
        found = run.judged(name, [kind.make(number) for number in numbers])
        return [(number, *one) for number, one in zip(numbers, found, strict=True)]

    monkeypatch.setattr(run, "_served", served)
    said: list[str] = []
    counts = tmp_path / "counts.json"
    run.go_on("numbers", 5, counts, said.append)
    tally = run.go_on("numbers", 9, counts, said.append)
    assert said == ["numbers 3: wrong on Sundays", "numbers 6: traceback: ZeroDivisionError: six"]
    assert (tally.next, tally.verdicts) == (9, {"right": 7, "wrong": 1, "traceback": 1})
    assert run.read(counts)["numbers"].findings == {"3": "wrong on Sundays", "6": "traceback: ZeroDivisionError: six"}


def test_a_group_whose_process_died_is_judged_again_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def groups(_name: str, first: int, end: int, size: int) -> Iterator[list[tuple[str, bool]] | str]:
        for start in range(first, end, size):
            numbers = range(start, min(start + size, end))
            if 5 in numbers:
                yield "died: exit code -11"
                return
            yield [(f"right, one of {len(numbers)}", False) for _ in numbers]

    monkeypatch.setitem(kinds.KINDS, "numbers", kinds.Kind(lambda _: b"", lambda _: "right", ".txt", at_once=4))
    monkeypatch.setattr(run, "_groups", groups)
    by_four, alone = ("right, one of 4", False), ("right, one of 1", False)
    wanted = [by_four] * 4 + [alone, ("died: exit code -11", True), alone, alone] + [by_four] * 4
    assert list(run._served("numbers", 0, 12)) == [(number, *one) for number, one in enumerate(wanted)]


@pytest.mark.slow  # the kernels are compiled for half a minute
@pytest.mark.timeout(1200)
@pytest.mark.tflm
@pytest.mark.compiler
def test_whole_graphs_as_c_kernels(seed: int) -> None:
    """In this process; each is lowered for a board of its own, and run on an arena between guards."""
    numbers = range(1_000_000 + seed, 1_000_200 + seed)
    found = set(run.judged("graphs", [kinds.KINDS["graphs"].make(number) for number in numbers]))
    assert found <= {("equal", False), ("does not fit its board", False)}
    assert ("equal", False) in found
