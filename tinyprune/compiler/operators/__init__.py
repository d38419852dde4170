"""The operators that tinyprune runs, one of them (or a family that shares its arithmetic) a file.

A file has the operator's dataclass, the rules of what it may be, how it is read, its arithmetic in NumPy, and cases for
the tests of its kernels. `OPERATORS` is the list of what can run; docs/operators.md is made from it.
"""

from tinyprune.compiler.graph import Op
from tinyprune.compiler.operators import (
    add,
    average_pool_2d,
    broadcast_to,
    concatenation,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    gather,
    max_pool_2d,
    mirror_pad,
    pack,
    pad,
    quantize,
    reshape,
    resize,
    reverse,
    slice_,
    softmax,
    space_to_batch,
    space_to_depth,
    split,
    transpose,
    variables,
)
from tinyprune.compiler.operators.operator import Operator

#: TFLite's name of an operator → what it is here.
OPERATORS: dict[str, Operator] = {
    "ADD": add.ADD,
    "ASSIGN_VARIABLE": variables.ASSIGN_VARIABLE,
    "AVERAGE_POOL_2D": average_pool_2d.AVERAGE_POOL_2D,
    "BATCH_TO_SPACE_ND": space_to_batch.BATCH_TO_SPACE_ND,
    "BROADCAST_TO": broadcast_to.BROADCAST_TO,
    "CONCATENATION": concatenation.CONCATENATION,
    "CONV_2D": conv_2d.CONV_2D,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d.DEPTHWISE_CONV_2D,
    "DEPTH_TO_SPACE": space_to_depth.DEPTH_TO_SPACE,
    "EXPAND_DIMS": reshape.EXPAND_DIMS,
    "FULLY_CONNECTED": fully_connected.FULLY_CONNECTED,
    "GATHER": gather.GATHER,
    "MAX_POOL_2D": max_pool_2d.MAX_POOL_2D,
    "MIRROR_PAD": mirror_pad.MIRROR_PAD,
    "PACK": pack.PACK,
    "PAD": pad.PAD,
    "PADV2": pad.PADV2,
    "QUANTIZE": quantize.QUANTIZE,
    "READ_VARIABLE": variables.READ_VARIABLE,
    "RESHAPE": reshape.RESHAPE,
    "RESIZE_BILINEAR": resize.RESIZE_BILINEAR,
    "RESIZE_NEAREST_NEIGHBOR": resize.RESIZE_NEAREST_NEIGHBOR,
    "REVERSE_V2": reverse.REVERSE_V2,
    "SLICE": slice_.SLICE,
    "SOFTMAX": softmax.SOFTMAX,
    "SPACE_TO_BATCH_ND": space_to_batch.SPACE_TO_BATCH_ND,
    "SPACE_TO_DEPTH": space_to_depth.SPACE_TO_DEPTH,
    "SPLIT": split.SPLIT,
    "SPLIT_V": split.SPLIT_V,
    "SQUEEZE": reshape.SQUEEZE,
    "STRIDED_SLICE": slice_.STRIDED_SLICE,
    "SUB": add.SUB,
    "TRANSPOSE": transpose.TRANSPOSE,
    "UNPACK": pack.UNPACK,
}
_BY_TYPE: dict[type[Op], Operator] = {operator.op: operator for operator in OPERATORS.values()}


def operator_of(op: Op) -> Operator:
    """What is known of an operator of a graph."""
    return _BY_TYPE[type(op)]
