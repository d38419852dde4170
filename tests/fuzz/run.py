"""A run that can be interrupted at any time and goes on where it was: its counts are in a file."""

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.fuzz.kinds import KINDS
from tests.judged import Asked, verdicts
from tinyprune import files

_PREPARATION_S = 900.0  # kernels are compiled
#: A process serves this many cases: what it leaves behind in memory stays bounded.
_OF_ONE_PROCESS = 5000
_SAVE_EVERY_S = 10.0
_TRACEBACK = "traceback"


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
    """(number, verdict, whether it is a finding) of each case. Those of a group whose process died are judged again one
    by one, to know which it was."""
    number, alone_until = first, first
    while number < end:
        alone = number < alone_until
        size, last = (1, alone_until) if alone else (KINDS[name].at_once, end)
        for found in _groups(name, number, min(last, end), size):
            if isinstance(found, str) and size > 1:
                alone_until = number + size
                continue
            for verdict, is_wrong in [(found, True)] if isinstance(found, str) else found:
                yield number, verdict, is_wrong
                number += 1


def _groups(name: str, first: int, end: int, size: int) -> Iterator[list[tuple[str, bool]] | str]:
    """What is `judged` of so many cases after the other, by a process of its own; at last how it died or hung."""
    ours, theirs = multiprocessing.Pipe()
    arguments = (name, first, end, size, theirs)
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=arguments, daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_PREPARATION_S):
            raise TimeoutError(f"{name} is not prepared within {_PREPARATION_S:g} s")
        ours.recv()
        for _ in range(first, end, size):
            if not ours.poll(KINDS[name].deadline_s):
                yield f"hangs: no verdict within {KINDS[name].deadline_s:g} s"
                return
            try:
                yield ours.recv()
            except EOFError:
                process.join()
                yield f"died: exit code {process.exitcode}"
                return
    finally:
        process.kill()
        process.join()


def _serve(name: str, first: int, end: int, size: int, answers: Connection) -> None:
    KINDS[name].prepare()
    answers.send("ready")
    for start in range(first, end, size):
        answers.send(judged(name, [KINDS[name].make(number) for number in range(start, min(start + size, end))]))


def judged(name: str, cases: Sequence[bytes]) -> list[tuple[str, bool]]:
    """The verdict on each case, and whether that is a finding."""
    found = [_begun(name, case) for case in cases]
    answers = iter(verdicts([one for one in found if isinstance(one, Asked)]))
    told = [next(answers) if isinstance(one, Asked) else one for one in found]
    return [(one, one.startswith((_TRACEBACK, *KINDS[name].wrong))) for one in told]


def _begun(name: str, case: bytes) -> str | Asked:
    try:
        return KINDS[name].judge(case)
    except Exception as error:
        return f"{_TRACEBACK}: {type(error).__name__}: {error}"
