"""A run that can be interrupted at any time and goes on where it was: its counts are in a file."""

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.fuzz.kinds import KINDS
from tinyprune import files

_PREPARATION_S = 900.0  # kernels are compiled
#: A process serves this many cases: what it leaves behind in memory stays bounded.
_OF_ONE_PROCESS = 5000
_SAVE_EVERY_S = 10.0


@dataclass
class Tally:
    """What has run of a kind so far."""

    next: int = 0
    seconds: float = 0.0
    verdicts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)  # number → verdict

    def add(self, number: int, verdict: str, is_wrong: bool) -> None:
        self.next = number + 1
        self.verdicts[verdict.split(":")[0].split(" on ")[0]] += 1
        if is_wrong:
            self.findings[str(number)] = verdict


def read(path: Path) -> dict[str, Tally]:
    if not path.exists():
        return {}
    stored: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return {name: Tally(**one | {"verdicts": Counter(one["verdicts"])}) for name, one in stored.items()}


def write(path: Path, tallies: dict[str, Tally]) -> None:
    with files.replacing(path) as part:
        part.write_text(json.dumps({name: vars(one) for name, one in sorted(tallies.items())}, indent=1) + "\n")


def go_on(name: str, until: int, path: Path, tell: Callable[[str], object], for_s: float = float("inf")) -> Tally:
    """Runs cases of a kind up to number `until`, or for so long, from where the file says that an earlier run was."""
    tally = read(path).get(name, Tally())
    begin, end = time.monotonic(), time.monotonic() + for_s
    earlier, saved = tally.seconds, begin
    try:
        while tally.next < until and time.monotonic() < end:
            for number, verdict, is_wrong in _served(name, tally.next, min(until, tally.next + _OF_ONE_PROCESS)):
                tally.add(number, verdict, is_wrong)
                if is_wrong:
                    tell(f"{name} {number}: {verdict}")
                if time.monotonic() > saved + _SAVE_EVERY_S:
                    saved = time.monotonic()
                    tally.seconds = earlier + saved - begin
                    write(path, read(path) | {name: tally})
                if time.monotonic() > end:
                    break
    finally:
        tally.seconds = earlier + time.monotonic() - begin
        write(path, read(path) | {name: tally})
    return tally


def _served(name: str, first: int, end: int) -> Iterator[tuple[int, str, bool]]:
    """(number, verdict, whether it is a finding) of each case, from a process of its own that may die or hang."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(name, first, end, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_PREPARATION_S):
            raise TimeoutError(f"{name} is not prepared within {_PREPARATION_S:g} s")
        ours.recv()
        for number in range(first, end):
            if not ours.poll(KINDS[name].deadline_s):
                yield number, f"hangs: no verdict within {KINDS[name].deadline_s:g} s", True
                return
            try:
                yield number, *ours.recv()
            except EOFError:
                process.join()
                yield number, f"died: exit code {process.exitcode}", True
                return
    finally:
        process.kill()
        process.join()


def _serve(name: str, first: int, end: int, answers: Connection) -> None:
    KINDS[name].prepare()
    answers.send("ready")
    for number in range(first, end):
        answers.send(judged(name, KINDS[name].make(number)))


def judged(name: str, case: bytes) -> tuple[str, bool]:
    """The verdict on a case, and whether that is a finding."""
    try:
        verdict = KINDS[name].judge(case)
    except Exception as error:
        return f"traceback: {type(error).__name__}: {error}", True
    return verdict, verdict.startswith(KINDS[name].wrong)
