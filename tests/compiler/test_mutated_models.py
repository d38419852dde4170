"""Models with wrong fields are refused, or answered as TFLite Micro answers them."""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest

from tests import mutated_models
from tests.graphs import NETWORKS
from tests.operator_files import file_of
from tinyprune.compiler import reader
from tinyprune.compiler.operators import OPERATORS
from tinyprune.errors import ModelError

pytestmark = pytest.mark.tflm


def run(first: int, count: int) -> Counter[str]:
    """Verdicts on mutants; fails, with their numbers, where one is answered otherwise."""
    found, wrong = Counter[str](), list[int]()
    for number in range(first, first + count):
        random = np.random.default_rng(number)
        verdict = mutated_models.verdict(mutated_models.mutated(random, mutated_models.original(random)), random)
        found[verdict] += 1
        if verdict == "different":
            wrong.append(number)
    assert not wrong, f"answered otherwise than by TFLite Micro: replay with --seed {wrong}"
    return found


def test_mutants_are_refused_or_equal(seed: int) -> None:
    found = run(seed, 120)
    assert found["refused"] > 20
    assert found["equal"] > 20


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(20))
def test_many_mutants_are_refused_or_equal(seed: int, part: int, capsys: pytest.CaptureFixture[str]) -> None:
    """40,000 of them, from `--seed` on."""
    found = run(seed + 1_000_000 * (part + 1), 2_000)
    with capsys.disabled():
        sys.stdout.write(f" {dict(found)} ")


def changed(model: bytes, change: Callable[[Any], None]) -> bytes:
    """A file that is changed as a tree of objects."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    root = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    change(root)
    builder = flatbuffers.Builder(1024)
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def main(root: Any) -> Any:
    return root.subgraphs[0]


def field(name: str, value: Any) -> Callable[[Any], None]:
    return lambda table: setattr(table, name, value)


def test_a_bias_has_the_scale_that_goes_with_its_weights() -> None:
    random = np.random.default_rng(2)
    layers = iter(lambda: OPERATORS["FULLY_CONNECTED"].case(random), None)
    layer = next(one for one in layers if len(one.weight_scales) == 1)
    model = file_of((layer,), layer.activations, layer.outputs)
    reader.read(model)

    def change(root: Any) -> None:
        main(root).tensors[main(root).operators[0].inputs[2]].quantization.scale = [9.0]

    with pytest.raises(ModelError, match=r"its bias has scale 9, its input times its weights .*; needed: where its"):
        reader.read(changed(model, change))


def test_a_quantize_at_an_end_writes_no_constant() -> None:
    """Such an operator is none of the graph's: what it writes is looked at all the same."""
    random = np.random.default_rng(1)
    quantize = next(
        op for op in iter(lambda: OPERATORS["QUANTIZE"].case(random), None) if op.outputs[0].dtype == "int16"
    )

    def fill(root: Any) -> None:
        tensor = main(root).tensors[main(root).outputs[0]]
        root.buffers.append(type(root.buffers[0])())
        root.buffers[-1].data = np.ones(2 * int(np.prod(tensor.shape)), np.uint8)
        tensor.buffer = len(root.buffers) - 1

    with pytest.raises(ModelError, match=r'operator QUANTIZE writes tensor ".*", which has constant data'):
        reader.read(changed(file_of((quantize,), quantize.activations, quantize.outputs), fill))


def test_a_variable_that_is_read_is_assigned_somewhere() -> None:
    def exchange(root: Any) -> None:
        assigns = [one for one in main(root).operators if one.outputs is None or not len(one.outputs)]
        assigns[-1].inputs = [assigns[0].inputs[0], assigns[-1].inputs[1]]

    with pytest.raises(ModelError, match='nothing assigns the variable "last": TFLite Micro has no bytes to read'):
        reader.read(changed(NETWORKS["counter"]().file, exchange))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda root: field("buffer", 999)(main(root).tensors[-1]),
            "is in buffer 999, which does not exist",
        ),
        (
            lambda root: field("zeroPoint", None)(main(root).tensors[-1].quantization),
            "has a scale, but no zero point",
        ),
        (
            lambda root: field("builtinOptionsType", 4)(main(root).operators[0]),
            "its options are not of the type",
        ),
        (
            lambda root: field("inputs", [0, 1, -7])(main(root).operators[0]),
            "tensor number -7 does not exist",
        ),
        (
            lambda root: field("opcodeIndex", 99)(main(root).operators[0]),
            "operator number 0 is of kind 99, which does not exist",
        ),
        (
            lambda root: field("shape", [1] * 9)(main(root).tensors[0]),
            "has 9 axes, at most 8 are possible",
        ),
        (lambda root: field("type", 77)(main(root).tensors[-1]), "is of type number 77, which TFLite's schema"),
        (lambda root: field("padding", 2)(main(root).operators[0].builtinOptions), "its padding is number 2"),
        (lambda root: field("builtinCode", 150)(root.operatorCodes[0]), "is not supported"),
        (lambda root: field("builtinCode", 40)(root.operatorCodes[0]), "operator"),
    ],
)
def test_what_mutants_found(change: Callable[[Any], None], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        reader.read(changed(NETWORKS["residual"]().file, change))
