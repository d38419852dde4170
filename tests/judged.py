"""Answers of ours beside TFLite Micro's, which is asked for one model, or for many at once: two processes that wait for
one another are slow on a busy machine."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyprune.compiler import judge, oracle
from tinyprune.compiler.graph import Array, Graph, Int8
from tinyprune.errors import ModelError
from tinyprune.processes import apart

_MAKER = f"{__name__}:Judge"


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """`found`: our answers `[samples, output_bytes]` to `inputs` `[samples, input_bytes]`."""

    model: bytes
    graph: Graph
    inputs: Int8
    found: Int8

    def verdict(self) -> str:
        """ "equal", "different", or what TFLite Micro does instead of answering."""
        try:
            wanted = oracle.infer(self.model, self.inputs, self.graph)
        except judge.Crashed:
            return "TFLite Micro crashes"
        except ModelError:
            return "TFLite Micro refuses"
        return self._compared(wanted)

    def _compared(self, wanted: Int8) -> str:
        return "equal" if np.array_equal(self.found, wanted) else "different"

    def verdict_on(self, rows: list[list[Array]] | None) -> str:
        """The same of answers that are there; None where it refuses."""
        return "TFLite Micro refuses" if rows is None else self._compared(oracle.joined(rows, self.graph))


def verdicts(several: Sequence[Asked]) -> list[str]:
    """One for each, in one message; one by one where the interpreter dies of one of them."""
    if not several:
        return []
    questions = [oracle.question(one.model, one.inputs, one.graph) for one in several]
    try:
        with closing(apart.Remote(_MAKER, timeout_s=judge.TIMEOUT_S)) as remote:
            answers = remote.call("answers", questions, timeout_s=judge.TIMEOUT_S)
    except apart.Died:
        return [one.verdict() for one in several]
    return [one.verdict_on(rows) for one, rows in zip(several, answers, strict=True)]


class Judge:
    """What is in that process."""

    def answers(self, questions: Sequence[Any]) -> list[list[list[Array]] | None]:
        return [_answer(*question) for question in questions]


def _answer(
    model: bytes, arena_bytes: int, samples: Sequence[Sequence[Array]], outputs: int
) -> list[list[Array]] | None:
    try:
        interpreter = judge.Interpreter(model, arena_bytes, outputs)
        return [interpreter.infer(sample) for sample in samples]
    except ModelError:
        return None
