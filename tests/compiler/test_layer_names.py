"""What layers are called: as converters leave it in the names of tensors, and nothing else that a file may hold."""

import re

import numpy as np
import pytest
import tflite

from tests.tflite_file import Operator, Tensor, write
from tests.tflite_models import Code
from tinyprune.compiler import reader

TORCH = "litert_torch._convert.to_channel_last_io.ChannelLastIOWrapper/nets.Res_wrapped/torch.nn.modules."


def names(*convolutions: tuple[str, str], behind: tuple[str, ...] = ()) -> list[str]:
    """Of the layers of a chain of 1×1 convolutions (weights, result), and RELUs behind them."""
    tensors, operators = [Tensor("x", (1, 4, 4, 2), tflite.TensorType.INT8, (0.1,), (0,))], []
    for weights, result in convolutions:
        here, index = len(tensors) - 1, len(tensors)
        tensors += [
            Tensor(weights, (2, 1, 1, 2), tflite.TensorType.INT8, (0.1,), (0,), data=np.ones((2, 1, 1, 2), np.int8)),
            Tensor(result, (1, 4, 4, 2), tflite.TensorType.INT8, (0.1,), (0,)),
        ]
        options = ("Conv2DOptions", {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1})
        operators.append(Operator(Code.CONV_2D, (here, index), (index + 1,), *options))
    for result in behind:
        tensors.append(Tensor(result, (1, 4, 4, 2), tflite.TensorType.INT8, (0.1,), (0,)))
        operators.append(Operator(Code.RELU, (len(tensors) - 2,), (len(tensors) - 1,)))
    return [op.name for op in reader.read(write(tensors, operators, (0,), (len(tensors) - 1,))).ops]


CASES = {
    "Keras, weights of its own": (
        [("net/stem/Conv2D", "net/stem_relu/Relu;net/last/Conv2D;net/stem/Conv2D1"), ("net/last/Conv2D", "net/last/x")],
        ["stem", "last"],
    ),
    "Keras 3, which traces a model again": (
        [("net_1/stem_1/convolution", "y"), ("net_1/conv_2_1/convolution", "z"), ("w", "Identity")],
        ["stem", "conv_2", "conv_3"],
    ),
    "a bias that two layers share is no name": (
        [("w", "net/bn/FusedBatchNormV3;net/one/BiasAdd;net/two/Conv2D"), ("w", "net/two/BiasAdd;net/two/Conv2D1")],
        ["conv_1", "conv_2"],
    ),
    "scopes, as many as it takes": (
        [("net/a/conv/Conv2D", "y"), ("net/b/conv/Conv2D", "z"), ("net/b/other/Conv2D", "t")],
        ["a_conv", "b_conv", "other"],
    ),
    "PyTorch": (
        [
            ("w", f"{TORCH}container.Sequential_stem/torch.nn.modules.conv.Conv2d_0;1"),
            ("w", f"{TORCH}activation.ReLU_r;;{TORCH}conv.Conv2d_last;1"),
        ],
        ["stem_0", "last"],
    ),
    "unknown": ([("w", "StatefulPartitionedCall:0"), ("w", "Identity")], ["conv_1", "conv_2"]),
    "what was given stays, and what was not gives way": (
        [("w", "y"), ("net/conv_1/Conv2D", "z")],
        ["layer_conv_1", "conv_1"],
    ),
    "letters of any case": ([("net/A/Conv2D", "y"), ("net/a/Conv2D", "z")], ["conv_1", "conv_2"]),
}


@pytest.mark.parametrize("case", CASES)
def test_layers_are_called_as_the_model_calls_them(case: str) -> None:
    convolutions, wanted = CASES[case]
    assert names(*convolutions) == wanted


def test_of_two_kinds_the_layer_with_weights_keeps_the_name() -> None:
    found = names(
        ("net/one/Conv2D", "net/other/x"), ("net/two/Conv2D", "y"), behind=("net/two/Act", "net/two/more/Act")
    )
    assert found == ["one", "two", "two_relu", "more"]


@pytest.mark.parametrize(
    "name",
    [
        'm/"; system("x")/Conv2D',
        "m/*/ int main(void) {/Conv2D",
        "m/\x1b[31m<script>/Conv2D",
        f"m/{'x' * 999}/Conv2D",
        "///",
    ],
)
def test_names_of_strangers_are_words(name: str) -> None:
    for found in names((name, name), ("m/ß/Conv2D", "m/3d/Conv2D")):
        assert re.fullmatch(r"[A-Za-z]\w{0,40}", found, re.ASCII)
