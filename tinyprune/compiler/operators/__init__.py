"""The operators that tinyprune runs, one of them (or a family that shares its arithmetic) a file.

A file has the operator's dataclass, the rules of what it may be, how it is read, its arithmetic in NumPy, and cases for
the tests of its kernels. `OPERATORS` is the list of what can run; docs/operators.md is made from it.
"""

from tinyprune.compiler.graph import Op
from tinyprune.compiler.operators import (
    add,
    average_pool_2d,
    comparison,
    concatenation,
    conv_2d,
    depthwise_conv_2d,
    div,
    elu,
    extremum,
    fully_connected,
    hard_swish,
    l2_normalization,
    log_softmax,
    logical,
    logistic,
    lstm,
    max_pool_2d,
    mul,
    prelu,
    quantize,
    relu,
    reshape,
    rsqrt,
    select,
    slice_,
    softmax,
    split,
    squared_difference,
    svdf,
    variables,
)
from tinyprune.compiler.operators.operator import Operator

#: TFLite's name of an operator → what it is here.
OPERATORS: dict[str, Operator] = {
    "ABS": relu.ABS,
    "ADD": add.ADD,
    "ASSIGN_VARIABLE": variables.ASSIGN_VARIABLE,
    "AVERAGE_POOL_2D": average_pool_2d.AVERAGE_POOL_2D,
    "CONCATENATION": concatenation.CONCATENATION,
    "CONV_2D": conv_2d.CONV_2D,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d.DEPTHWISE_CONV_2D,
    "DIV": div.DIV,
    "ELU": elu.ELU,
    "EQUAL": comparison.EQUAL,
    "FULLY_CONNECTED": fully_connected.FULLY_CONNECTED,
    "GREATER": comparison.GREATER,
    "GREATER_EQUAL": comparison.GREATER_EQUAL,
    "HARD_SWISH": hard_swish.HARD_SWISH,
    "L2_NORMALIZATION": l2_normalization.L2_NORMALIZATION,
    "LEAKY_RELU": relu.LEAKY_RELU,
    "LESS": comparison.LESS,
    "LESS_EQUAL": comparison.LESS_EQUAL,
    "LOGICAL_AND": logical.LOGICAL_AND,
    "LOGICAL_NOT": logical.LOGICAL_NOT,
    "LOGICAL_OR": logical.LOGICAL_OR,
    "LOGISTIC": logistic.LOGISTIC,
    "LOG_SOFTMAX": log_softmax.LOG_SOFTMAX,
    "MAXIMUM": extremum.MAXIMUM,
    "MAX_POOL_2D": max_pool_2d.MAX_POOL_2D,
    "MINIMUM": extremum.MINIMUM,
    "MUL": mul.MUL,
    "NOT_EQUAL": comparison.NOT_EQUAL,
    "PRELU": prelu.PRELU,
    "QUANTIZE": quantize.QUANTIZE,
    "READ_VARIABLE": variables.READ_VARIABLE,
    "RELU": relu.RELU,
    "RELU6": relu.RELU6,
    "RESHAPE": reshape.RESHAPE,
    "RSQRT": rsqrt.RSQRT,
    "SELECT_V2": select.SELECT_V2,
    "SLICE": slice_.SLICE,
    "SOFTMAX": softmax.SOFTMAX,
    "SPLIT": split.SPLIT,
    "SPLIT_V": split.SPLIT_V,
    "SQUARED_DIFFERENCE": squared_difference.SQUARED_DIFFERENCE,
    "STRIDED_SLICE": slice_.STRIDED_SLICE,
    "SUB": add.SUB,
    "SVDF": svdf.SVDF,
    "TANH": logistic.TANH,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.UNIDIRECTIONAL_SEQUENCE_LSTM,
}
_BY_TYPE: dict[type[Op], Operator] = {operator.op: operator for operator in OPERATORS.values()}


def operator_of(op: Op) -> Operator:
    """What is known of an operator of a graph."""
    return _BY_TYPE[type(op)]
