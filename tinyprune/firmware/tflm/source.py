"""A .tflite → FirmwareSource: the project that runs it in TFLite Micro's interpreter, behind the same app and port."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinyprune.compiler.program import Program
from tinyprune.device.firmware import FirmwareSource
from tinyprune.errors import UsageError
from tinyprune.firmware import codegen
from tinyprune.firmware.tflm.operators import CUSTOM, RESOLVER, Operator
from tinyprune.firmware.tflm.tree import Tree
from tinyprune.resources import FIRMWARE_TEMPLATES

_SPARSE = FIRMWARE_TEMPLATES / "tflm/sparse"
#: There is one interpreter in a program, whatever the network is called.
PREFIX = "tp_network"
_OURS = ("app/", "port/")  # of the project without an interpreter


@dataclass(frozen=True, slots=True)
class Network:
    """What the interpreter runs: the file's bytes and its operators in order."""

    model: bytes
    operators: tuple[Operator, ...]
    kernels: Mapping[str, dict[str, object]] = field(default_factory=dict)  # of the custom ones, by name


def generate(program: Program, network: Network, name: str, tree: Tree, arena_bytes: int) -> FirmwareSource:
    """The C and C++ of one network on one board; `program` is the same network without interpreter.

    Raises UsageError where the tree lacks an operator.
    """
    missing = sorted({one.kind for one in network.operators if one.kind != CUSTOM and not tree.registers(one.kind)})
    if missing:
        raise UsageError(f"{tree.library} has no operator {', '.join(missing)}: take one that has")
    about = codegen.context(program, name, PREFIX) | _context(network, tree, arena_bytes)
    ours = codegen.generate(program, name).files
    files = {path: text for path, text in ours.items() if path.startswith(_OURS)}
    files |= {f"network/{path}": text for path, text in codegen.rendered("tflm/network", about).items()}
    files |= codegen.copied("tflm/app", "app")
    if not network.kernels:
        del files["network/kernels.inc"]
    else:
        files |= codegen.runtime(network.kernels)
        files |= {f"runtime/tflm/{path.name}": path.read_text(encoding="utf-8") for path in _SPARSE.iterdir()}
    return FirmwareSource(program.board.name, program.graph.model_sha256, files)


def layer_symbol(number: int, operator: Operator) -> str:
    """The C function of one operator; emulators find layers by it."""
    return f"tp_layer_{number:02d}_{operator.name}"


def _context(network: Network, tree: Tree, arena_bytes: int) -> dict[str, Any]:
    kinds = list(dict.fromkeys(one.kind for one in network.operators))
    return {
        "arena_bytes": arena_bytes,
        "arena_measured": tree.symbols is not None,
        "log_callback": tree.takes_log_callback,
        "kinds": [_kind(kind) for kind in kinds],
        "kernels": list(network.kernels.values()),
        "layers": [
            {
                "symbol": layer_symbol(number, one),
                "kind": kinds.index(one.kind),
                "describe": _describe(one),
            }
            for number, one in enumerate(network.operators)
        ],
        "model_bytes": len(network.model),
        "model_text": _bytes(network.model),
    }


def _kind(kind: str) -> dict[str, str]:
    if kind == CUSTOM:
        return {"key": "TP_TFLM_OPERATOR", "add": "AddCustom(TP_TFLM_OPERATOR, &sparse)"}
    return {"key": f"tflite::BuiltinOperator_{kind}", "add": f"{RESOLVER[kind]}()"}


def _describe(operator: Operator) -> str:
    if operator.op is None:
        return f"{operator.name}: {operator.kind}"
    return f"{operator.name}: {operator.kind}, {codegen.shapes(operator.op)}, {operator.op.macs:,} MACs"


def _bytes(data: Sequence[int]) -> str:
    lines = ["".join(f"{byte}," for byte in data[start : start + 32]) for start in range(0, len(data), 32)]
    return textwrap.indent("\n".join(lines), "    ")
