"""Operators with more operands or results than they have: refused by the reader, before TFLite Micro is asked."""

from typing import Any

import numpy as np
import pytest

from tests.compiler.test_operators import PLAIN
from tests.compiler.test_reader import edited
from tests.operator_files import file_of, graph_of
from tinyprune.compiler import reader
from tinyprune.compiler.operators import OPERATORS
from tinyprune.errors import ModelError


def with_more(kind: str, inputs: int = 0, outputs: int = 0) -> bytes:
    """A file of an operator, with as many operands that are left out (−1), and tensors like its first result."""
    op = OPERATORS[kind].case(np.random.default_rng(0))
    graph = graph_of(op)

    def change(model: Any) -> None:
        main = model.subgraphs[0]
        for one in main.operators:
            one.inputs = [*one.inputs, *[-1] * inputs]
            first = len(main.tensors)
            main.tensors += [main.tensors[one.outputs[0]]] * outputs
            one.outputs = [*one.outputs, *range(first, first + outputs)]

    return edited(change, file_of([op], graph.inputs, graph.outputs))


@pytest.mark.parametrize("kind", PLAIN)
def test_too_many_are_refused(kind: str) -> None:
    reader.read(with_more(kind))
    with pytest.raises(ModelError):
        reader.read(with_more(kind, inputs=30))  # more than any operator has
    with pytest.raises(ModelError):
        reader.read(with_more(kind, outputs=1))


def test_they_are_counted() -> None:
    with pytest.raises(ModelError, match="it has 2 inputs; needed: 1 at most"):
        reader.read(with_more("SOFTMAX", inputs=1))
