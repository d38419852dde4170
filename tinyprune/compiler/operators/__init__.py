"""The operators that tinyprune runs, one of them (or a family that shares its arithmetic) a file.

A file has the operator's dataclass, the rules of what it may be, how it is read, its arithmetic in NumPy, and cases for
the tests of its kernels. `OPERATORS` is the list of what can run; docs/operators.md is made from it.
"""

from tinyprune.compiler.graph import Op
from tinyprune.compiler.operators import (
    add,
    average_pool_2d,
    concatenation,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    lstm,
    max_pool_2d,
    quantize,
    reshape,
    slice_,
    softmax,
    split,
    svdf,
    variables,
)
from tinyprune.compiler.operators.operator import Operator

#: TFLite's name of an operator → what it is here.
OPERATORS: dict[str, Operator] = {
    "ADD": add.ADD,
    "ASSIGN_VARIABLE": variables.ASSIGN_VARIABLE,
    "AVERAGE_POOL_2D": average_pool_2d.AVERAGE_POOL_2D,
    "CONCATENATION": concatenation.CONCATENATION,
    "CONV_2D": conv_2d.CONV_2D,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d.DEPTHWISE_CONV_2D,
    "FULLY_CONNECTED": fully_connected.FULLY_CONNECTED,
    "MAX_POOL_2D": max_pool_2d.MAX_POOL_2D,
    "QUANTIZE": quantize.QUANTIZE,
    "READ_VARIABLE": variables.READ_VARIABLE,
    "RESHAPE": reshape.RESHAPE,
    "SLICE": slice_.SLICE,
    "SOFTMAX": softmax.SOFTMAX,
    "SPLIT": split.SPLIT,
    "SPLIT_V": split.SPLIT_V,
    "STRIDED_SLICE": slice_.STRIDED_SLICE,
    "SUB": add.SUB,
    "SVDF": svdf.SVDF,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.UNIDIRECTIONAL_SEQUENCE_LSTM,
}
_BY_TYPE: dict[type[Op], Operator] = {operator.op: operator for operator in OPERATORS.values()}


def operator_of(op: Op) -> Operator:
    """What is known of an operator of a graph."""
    return _BY_TYPE[type(op)]
