"""LOGICAL_AND, LOGICAL_OR and LOGICAL_NOT: of bool tensors."""

from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.file import Node
from tinyprune.compiler.graph import Array, Unary
from tinyprune.compiler.operators import cases
from tinyprune.compiler.operators.binary import (
    Binary,
    case_operands,
    shapes_agree,
    something_is_computed,
    spread,
    two_operands,
)
from tinyprune.compiler.operators.operator import Operator, Written, one_result


@dataclass(frozen=True, slots=True, eq=False)
class LogicalAnd(Binary):
    """Its operands and its result are bool."""


@dataclass(frozen=True, slots=True, eq=False)
class LogicalOr(Binary):
    """Its operands and its result are bool."""


@dataclass(frozen=True, slots=True, eq=False)
class LogicalNot(Unary):
    """Its operand and its result are bool."""


def bool_operands(node: Node) -> str | None:
    """Its operands are bool."""
    found = [node.operand(n, "INT8", "BOOL").dtype for n in range(len(node.inputs))]
    return f"its operands are {' and '.join(found)}" if "int8" in found else None


def infer(op: Binary, left: Array, right: Array) -> Array:
    found: Array = (np.logical_and if isinstance(op, LogicalAnd) else np.logical_or)(*spread(op, left, right))
    return found


def _operator(kind: type[Binary], code: str, word: str, resolver: str) -> Operator:
    name = code.lower()

    def read(node: Node) -> Binary:
        return kind(node.name, node.operand(0, "BOOL"), node.operand(1, "BOOL"), node.result(0, "BOOL"))

    def case(random: np.random.Generator) -> Binary:
        left, right, shape = case_operands(random, cases.bool_activation, cases.bool_constant)
        return kind(name, left, right, cases.bool_activation(random, shape, 2))

    def write(_: Binary) -> Written:
        return Written(code, f"{kind.__name__}Options")

    about = f"left {word} right, of bool tensors or a tensor and a constant, with broadcasting."
    rules = (one_result, two_operands, bool_operands, shapes_agree, something_is_computed)
    return Operator(kind, name, about, read, rules, infer, case, write, resolver, ("BOOL",))


def _read_not(node: Node) -> LogicalNot:
    return LogicalNot(node.name, node.activation(0, "BOOL"), node.result(0, "BOOL"))


def _infer_not(_: LogicalNot, x: Array) -> Array:
    return ~x


def _case_not(random: np.random.Generator) -> LogicalNot:
    shape = cases.shape(random, 3, 12)
    return LogicalNot("logical_not", cases.bool_activation(random, shape), cases.bool_activation(random, shape, 1))


def _write_not(_: LogicalNot) -> Written:
    return Written("LOGICAL_NOT", "LogicalNotOptions")


LOGICAL_AND = _operator(LogicalAnd, "LOGICAL_AND", "and", "AddLogicalAnd")
LOGICAL_OR = _operator(LogicalOr, "LOGICAL_OR", "or", "AddLogicalOr")
LOGICAL_NOT = Operator(
    LogicalNot, "logical_not", "Not x, of a bool tensor.", _read_not,
    (one_result, bool_operands, shapes_agree, something_is_computed), _infer_not, _case_not, _write_not,
    "AddLogicalNot", ("BOOL",),
)  # fmt: skip
