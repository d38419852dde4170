"""What reductions and BATCH_MATMUL refuse, and int32 outputs."""

from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import Build, classifier
from tests.operator_files import file_of
from tinyprune.compiler import reader, reference
from tinyprune.compiler.graph import Activation, Graph, Op
from tinyprune.compiler.operators.arg_max import ArgMax
from tinyprune.compiler.operators.batch_matmul import BatchMatMul
from tinyprune.compiler.operators.mean import Mean, Sum
from tinyprune.compiler.operators.reduce_max import ReduceMax
from tinyprune.errors import ModelError

SOURCE = Activation(0, "x", (6, 5, 4), np.float32(0.1), 3)
CHANNELS = Activation(1, "y", (4,), np.float32(0.1), 3)
SQUARE = replace(CHANNELS, shape=(4, 3))
OUTPUT = Activation(2, "z", (6, 3), np.float32(1e-4), 0)
REFUSED: dict[str, tuple[Op, str]] = {
    "another shape": (
        Mean("m", SOURCE, replace(CHANNELS, shape=(5,)), (1, 2)),
        r"it should make \[1, 4\] of \[1, 6, 5, 4\], the file says \[1, 5\]; needed: its result has the shape",
    ),
    "no such axis": (Mean("m", SOURCE, CHANNELS, (1, 4)), r"its axes are \[1, 4\], its input is \[1, 6, 5, 4\]"),
    "a sum of more than 32 bits": (
        Sum("s", replace(SOURCE, scale=np.float32(1e5)), CHANNELS, (1, 2)),
        "it sums up 30 values, and takes scale 100000 to 0.1; needed: the sum of all values",
    ),
    "another scale": (
        ReduceMax("r", SOURCE, replace(CHANNELS, scale=np.float32(0.2)), (1, 2)),
        "it must not change scale or zero point, from 0.1, 3 to 0.2, 3",
    ),
    "an index as int8": (ArgMax("a", SOURCE, replace(CHANNELS, shape=(6, 5)), 3), '"y" is INT8, INT32 is needed'),
    "matrices that do not go together": (
        BatchMatMul("b", replace(SOURCE, shape=(6, 4)), replace(CHANNELS, shape=(5, 3)), OUTPUT, False, False),
        r"it makes \[1, 6, 3\] of \[1, 6, 4\] and \[1, 5, 3\]; needed: its operands have 2 to 5 axes",
    ),
    "too small a scale for products": (
        BatchMatMul("b", replace(SOURCE, shape=(6, 4), scale=np.float32(1e4)), SQUARE, OUTPUT, False, False),
        "it sums up 4 products, and takes scales 10000 and 0.1 to 0.0001; needed: the sum of products",
    ),
    "an index of another axis": (
        ArgMax("a", SOURCE, replace(CHANNELS, shape=(6, 5), dtype="int32"), 2),
        r"it should make \[1, 6, 4\] of \[1, 6, 5, 4\]",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_told(case: str) -> None:
    op, message = REFUSED[case]
    with pytest.raises(ModelError, match=message):
        reader.read(file_of([op], op.activations, op.outputs))


def test_a_mean_keeps_the_bits_of_its_multiplier() -> None:
    """The multiplier is shifted to the left before it is divided, as far as the shift to the right has room for it."""
    same = Mean("m", SOURCE, CHANNELS, (1, 2))
    assert same.rescaling == ((1 << 30 << 4) // 30, 1 - 4)
    tiny = replace(same, output=replace(CHANNELS, scale=np.float32(0.1 * 2**29)))
    assert tiny.rescaling == ((1 << 30 << 3) // 30, -31)


def test_int32_operands_are_refused_where_int8_is_needed() -> None:
    b = Build()
    index = b.arg_max(b.tensor((4, 3)))
    x = b.ops[0].activations[0]
    b.reshape(index, (2, 2))
    with pytest.raises(ModelError, match="is INT32, INT8 or INT16 is needed"):
        reader.read(b.network([x], [b.ops[-1].outputs[0]]).file)


def test_classes_are_the_largest_score_or_the_number_that_the_network_answers() -> None:
    whole = classifier()
    inputs = np.random.default_rng(3).integers(-128, 128, (20, whole.graph.input_bytes)).astype(np.int8)
    found = []
    for output in whole.outputs[:2]:
        graph = Graph(whole.ops, whole.inputs, (output,), "0" * 64)
        found.append(graph.classes(reference.infer(graph, inputs)))
    np.testing.assert_array_equal(*found)
    assert len(set(found[0].tolist())) > 1
