"""What can be attacked: a number makes a case, and a case gets a verdict in one word or a few, of which TFLite Micro's
part may come later."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tests import mutated_models
from tests.fuzz import costs, programs
from tests.judged import Asked
from tests.random_graphs import mixed_network, pruned
from tinyprune.compiler import lower, reader, reference
from tinyprune.device import boards
from tinyprune.errors import DoesNotFit

#: How many mutants in a row begin at the same model: making that takes as long as judging a mutant.
_OF_ONE_MODEL = 16
_SAMPLES = 3
_LARGE = 24  # operators


@dataclass(frozen=True)
class Kind:
    make: Callable[[int], bytes]  # from a number, always the same
    judge: Callable[[bytes], str | Asked]
    suffix: str  # of a file with a case
    wrong: tuple[str, ...] = ()  # verdicts that are findings; whatever raises is one
    prepare: Callable[[], object] = lambda: None  # what takes long, once a process
    deadline_s: float = 120.0  # a case that takes longer is a finding: it hangs
    at_once: int = 64  # cases that are served together, and judged again one by one where their process dies


def _random(number: int) -> np.random.Generator:
    return np.random.default_rng(number)


@lru_cache(maxsize=2)
def _original(number: int) -> bytes:
    return mutated_models.original(_random(number))


def _mutant(number: int) -> bytes:
    """A model with fields changed."""
    return mutated_models.mutated(_random(number), _original(number // _OF_ONE_MODEL))


def _scratched(number: int) -> bytes:
    """A model with a few bytes changed, put in or left out, without regard to its fields."""
    random, model = _random(number), bytearray(_original(number // _OF_ONE_MODEL))
    for _ in range(int(random.choice([1, 1, 2, 4, 16]))):
        place, how = int(random.integers(8, len(model))), int(random.integers(8))
        if how == 0:
            del model[place : place + int(random.integers(1, 9))]
        elif how == 1:
            model[place:place] = random.bytes(int(random.integers(1, 9)))
        elif how == 2:
            model[place : place + 4] = int(random.choice([0, 1, 255, 2**31 - 1, 2**32 - 1])).to_bytes(4, "little")
        else:
            model[place] = int(random.integers(256))
    return bytes(model)


def _model_verdict(model: bytes) -> str | Asked:
    return mutated_models.answered(model, _random(0))


def _graph(number: int) -> bytes:
    """A network of one to seven operators of any kind, each with what adapts its operands."""
    random = _random(number)
    return pruned(mixed_network(number, int(random.integers(1, 8))), random).file


def _graph_verdict(model: bytes) -> str | Asked:
    """Lowered for a board that the model's bytes choose, and run: as C kernels, by the reference, by TFLite Micro."""
    graph = reader.read(model)
    random = _random(int(graph.model_sha256[:8], 16))
    board = boards.load(str(random.choice(boards.names())))
    try:
        program = lower.lower(graph, board, random.choice(["speed", "speed", "ram", "size"]))  # type: ignore[arg-type]
    except DoesNotFit:
        return "does not fit its board"
    inputs = random.integers(-128, 128, (_SAMPLES, graph.input_bytes)).astype(np.int8)
    found, is_exceeded = programs.infer(program, inputs)
    if is_exceeded:
        return f"arena exceeded on {board.name}"
    if not np.array_equal(found, reference.infer(graph, inputs)):
        return f"different from the reference on {board.name}"
    return Asked(model, graph, inputs, found)


def _large_graph(number: int) -> bytes:
    random = _random(number)
    return pruned(mixed_network(number, _LARGE), random).file


def _cost_verdict(model: bytes) -> str:
    return costs.verdict(reader.read(model))


#: What a model may not do that is accepted here.
_MODELS = ("different", "TFLite Micro crashes")
KINDS: dict[str, Kind] = {
    "mutants": Kind(_mutant, _model_verdict, ".tflite", _MODELS),
    "graphs": Kind(
        _graph, _graph_verdict, ".tflite", ("different", "arena exceeded", "TFLite Micro crashes"), programs.kernels
    ),
    "costs": Kind(_large_graph, _cost_verdict, ".tflite", ("slower",), deadline_s=1800.0, at_once=1),
    "scratches": Kind(_scratched, _model_verdict, ".tflite", _MODELS),
}
