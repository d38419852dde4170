"""The peer: the same network as calls of Arm's CMSIS-NN, in our firmware, by our compiler, on our meter.

The sources are those that the `bakenn` wheel carries (CMSIS-NN 4.0.0, revision ca5dc34), or a checkout that the
environment variable CMSIS_NN_ROOT names. bakenn's own generator is not used: it refuses files of today's TFLite
converter (bias scales that differ in the last bit, fully connected layers of four axes), and it takes portable C where
padding is not symmetric, as in this network's first layer, which CMSIS-NN itself can run. Each layer makes the call
that TFLite Micro would make; there is no interpreter (benchmarks/tflm.py has it, with its own CMSIS-NN). CMSIS-NN's
softmax is not in the wheel: tinyprune's portable one, the same algorithm, stands in.
"""

import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import jinja2

from tinyprune.compiler import lower, memory
from tinyprune.compiler.graph import Activation, Graph, Op, Unary
from tinyprune.compiler.kernels import softmax_fields
from tinyprune.compiler.operators.average_pool_2d import AveragePool2D
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareSource
from tinyprune.errors import MissingDependency, ModelError, UsageError
from tinyprune.firmware import codegen
from tinyprune.firmware.toolchain import Compiler

ROOT_VARIABLE = "CMSIS_NN_ROOT"
_SOFTMAX = "runtime/src/tp_softmax_s8_dense_c.c"
_OURS = ("app/", "port/", "network/network.h", "runtime/include/", _SOFTMAX)
_FOLDERS = ("ConvolutionFunctions", "FullyConnectedFunctions", "NNSupportFunctions", "PoolingFunctions")
_FLOAT = ("f16", "f32", "flt")
_NO_MATH = {"cmsis_nn/math.h": "/* Included by CMSIS-NN 4.0.0, which uses nothing of it; bare clang has none. */\n"}
_REFERENCE = {"weights": "", "bias": ""}  # arrays; the others are structs, which are passed by address
_FUNCTIONS: dict[type, str] = {
    Conv2D: "arm_convolve_wrapper_s8",
    DepthwiseConv2D: "arm_depthwise_conv_wrapper_s8",
    FullyConnected: "arm_fully_connected_s8",
    AveragePool2D: "arm_avgpool_s8",
    Softmax: "tp_softmax_s8_dense_c",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """CMSIS-NN as text: path in the project → content."""

    version: str
    files: dict[str, str]
    flags: tuple[str, ...]


def sources() -> Sources:
    """Of CMSIS_NN_ROOT, else of the bakenn wheel. Raises UsageError or MissingDependency where there are none."""
    root = os.environ.get(ROOT_VARIABLE)
    if root:
        return _of_checkout(Path(root))
    found = importlib.util.find_spec("bakenn")
    if found is None or not found.submodule_search_locations:
        raise MissingDependency(
            f"no CMSIS-NN to compare with: `pip install bakenn` (extra: bench), or set {ROOT_VARIABLE} to a checkout"
        )
    vendor = Path(found.submodule_search_locations[0]) / "backend/cmsis_nn/vendor"
    files = _texts(vendor, [*vendor.rglob("*.h"), *vendor.rglob("*.c")]) | _NO_MATH
    includes = ("-Icmsis_nn/cmsis_nn/Include", "-Icmsis_nn/cmsis_core/Include", "-Icmsis_nn")
    version = f"CMSIS-NN 4.0.0 (bakenn {importlib.metadata.version('bakenn')})"
    return Sources(version, files, (*includes, "-DBAKENN_CMSIS_NN_BUILTIN_MEMORY"))


def _of_checkout(root: Path) -> Sources:
    if not (root / "Include/arm_nnfunctions.h").is_file():
        raise UsageError(f"{ROOT_VARIABLE}={root}: no Include/arm_nnfunctions.h there, so no checkout of CMSIS-NN")
    code = [path for folder in _FOLDERS for path in (root / "Source" / folder).glob("*.c")]
    integer = [path for path in (*code, *(root / "Include").rglob("*.h")) if not path.stem.endswith(_FLOAT)]
    return Sources(f"CMSIS-NN ({root.name})", _texts(root, integer), ("-Icmsis_nn/Include",))


def _texts(root: Path, paths: Sequence[Path]) -> dict[str, str]:
    return {f"cmsis_nn/{path.relative_to(root).as_posix()}": path.read_text(encoding="utf-8") for path in paths}


def compiler_for(compiler: Compiler, peer: Sources) -> Compiler:
    """The same compiler, with -O2 as TFLite Micro builds CMSIS-NN; warnings about the peer's code are not ours to
    fix."""
    ours = [flag for flag in compiler.compile_flags if not flag.startswith("-W") and flag not in ("-Xclang", "-Oz")]
    kept = ["-O2" if flag == "-Os" else flag for flag in ours]
    return replace(compiler, compile_flags=(*kept, *peer.flags))


def generate(graph: Graph, board: Board, name: str, peer: Sources) -> FirmwareSource:
    """The project of tinyprune with the network's file exchanged. Raises ModelError for what CMSIS-NN cannot run."""
    source, target = graph.ends("the comparison with CMSIS-NN")
    ops = [op for op, _, _ in operators(graph)]
    home = _homes(graph)
    plan = memory.plan(_buffers(graph, ops, home))
    offsets = {tensor: plan.offsets[f"map {index}"] for tensor, index in home.items()}
    layers = [_layer(number, op, offsets, plan) for number, op in enumerate(ops)]
    first, last = offsets[source.index], offsets[target.index]
    program = replace(lower.lower(graph, board), arena=plan, input_offsets=(first,), output_offsets=(last,))
    ours = codegen.generate(program, name)
    template = Path(__file__).with_name("cmsis_network.c.j2").read_text(encoding="utf-8")
    network = jinja2.Template(template, undefined=jinja2.StrictUndefined).render(
        layers=layers, input_offset=first, output_offset=last
    )
    shared = {path: text for path, text in ours.files.items() if path.startswith(_OURS)}
    return replace(ours, files={**shared, "network/network.c": network, **peer.files})


def operators(graph: Graph) -> list[tuple[Unary, int, str]]:
    """The layers that `generate` makes: operator, multiply-accumulates, the function that runs it."""
    return [(op, op.macs, _FUNCTIONS[type(op)]) for op in _layers(graph)]


def _layers(graph: Graph) -> list[Unary]:
    ops = [op for op in graph.ops if not op.is_view]
    unknown = sorted({type(op).__name__ for op in ops if type(op) not in _FUNCTIONS})
    if unknown:
        raise ModelError(
            f"the comparison with CMSIS-NN knows convolutions, pools and softmax, not {', '.join(unknown)}"
        )
    return [op for op in ops if isinstance(op, Unary)]


def _homes(graph: Graph) -> dict[int, int]:
    """Tensor → the tensor in whose memory it lies: a reshape copies nothing."""
    home = {graph.inputs[0].index: graph.inputs[0].index}
    for op in graph.ops:
        made = op.outputs[0].index
        home[made] = home[op.activations[0].index] if op.is_view else made
    return home


def _buffers(graph: Graph, ops: Sequence[Unary], home: dict[int, int]) -> list[memory.Buffer]:
    start = graph.inputs[0]
    first, last, size = {start.index: 0}, {start.index: 0}, {start.index: start.size_bytes}
    scratch = []
    for number, op in enumerate(ops):
        last[home[op.input.index]] = number
        first[op.output.index] = last[op.output.index] = number
        size[op.output.index] = op.output.size_bytes
        scratch.append(memory.Buffer(f"scratch {number}", _scratch_bytes(op), number, number))
    last[home[graph.outputs[0].index]] = len(ops)
    return [memory.Buffer(f"map {index}", size[index], first[index], last[index]) for index in first] + scratch


def _scratch_bytes(op: Op) -> int:
    """What arm_*_get_buffer_size answers for a core with DSP."""
    if isinstance(op, Conv2D) and op.window.kernel != (1, 1):
        taps = prod(op.weights.shape[1:])
        return 2 * (-(-taps // 4) * 4) * 2
    if isinstance(op, DepthwiseConv2D):
        return op.input.shape[2] * prod(op.window.kernel) * 2
    return 4 * op.input.shape[2] if isinstance(op, AveragePool2D) else 0


def _layer(number: int, op: Unary, offsets: dict[int, int], plan: memory.Plan) -> dict[str, Any]:
    common = {
        "name": op.name,
        "function": _FUNCTIONS[type(op)],
        "symbol": f"tp_layer_{number:02d}_{op.name}",
        "input": offsets[op.input.index],
        "output": offsets[op.output.index],
        "scratch": plan.offsets[f"scratch {number}"],
        "scratch_bytes": _scratch_bytes(op),
        "softmax": softmax_fields(op) if isinstance(op, Softmax) else None,
        "arrays": [],
        "structs": [],
    }
    data = (f"(const int8_t *)arena + {common['input']}", f"(int8_t *)arena + {common['output']}")
    if isinstance(op, AveragePool2D):
        return common | _pool(op, *data)
    return common | _weighted(op, *data) if isinstance(op, Weighted) else common


def _pool(op: AveragePool2D, source: str, target: str) -> dict[str, Any]:
    (height, width), (stride_h, stride_w), (top, left) = op.window.kernel, op.window.stride, op.window.padding
    parameters = f"{{{{{stride_w}, {stride_h}}}, {{{left}, {top}}}, {_limits(op)}}}"
    structs = [
        _struct("cmsis_nn_pool_params", "params", parameters),
        *_map_dims(op.input, op.output),
        _dims("filter", 1, height, width, 1),
    ]
    pointers = [f"&{op.name}_params", f"&{op.name}_in", source, f"&{op.name}_filter", f"&{op.name}_out", target]
    return {"structs": structs, "parameters": pointers}


def _weighted(op: Weighted, source: str, target: str) -> dict[str, Any]:
    multipliers, shifts = (values.tolist() for values in requantization(op))
    arrays = [_array("int8_t", "weights", op.weights), _array("int32_t", "bias", op.bias)]
    if isinstance(op, FullyConnected):
        parameters, filter_dims, maps = _fully_connected(op)
        if len(set(zip(multipliers, shifts, strict=True))) != 1:
            raise ModelError(f'CMSIS-NN 4.0.0 has no fully connected layer with scales by channel, as "{op.name}" has')
        quantization = _struct("cmsis_nn_per_tensor_quant_params", "quant", f"{{{multipliers[0]}, {shifts[0]}}}")
    else:
        parameters, filter_dims, maps = _convolution(op)
        arrays += [_list("multipliers", multipliers), _list("shifts", shifts)]
        pointers = f"{{(int32_t *){op.name}_multipliers, (int32_t *){op.name}_shifts}}"
        quantization = _struct("cmsis_nn_per_channel_quant_params", "quant", pointers)
    structs = [parameters, quantization, *maps, filter_dims, _dims("channels", 1, 1, 1, op.out_channels)]
    names = ["params", "quant", "in", source, "filter", "weights", "channels", "bias", "out", target]
    calls = [name if "arena" in name else f"{_REFERENCE.get(name, '&')}{op.name}_{name}" for name in names]
    return {"arrays": arrays, "structs": structs, "parameters": calls}


def _fully_connected(op: FullyConnected) -> tuple[dict[str, str], dict[str, str], list[dict[str, str]]]:
    depth = int(op.weights.shape[1])
    batches = op.output.size_bytes // op.out_channels
    parameters = f"{{{-op.input.zero_point}, 0, {op.output.zero_point}, {_limits(op)}}}"
    maps = [_dims("in", batches, 1, 1, depth), _dims("out", batches, 1, 1, op.out_channels)]
    struct = _struct("cmsis_nn_fc_params", "params", parameters)
    return struct, _dims("filter", depth, 1, 1, op.out_channels), maps


def _convolution(op: Weighted) -> tuple[dict[str, str], dict[str, str], list[dict[str, str]]]:
    assert isinstance(op, (Conv2D, DepthwiseConv2D))
    slide = op.window
    tiles = ", ".join(f"{{{w}, {h}}}" for h, w in (slide.stride, slide.padding, slide.dilation))
    offsets = f"{-op.input.zero_point}, {op.output.zero_point}"
    maps = _map_dims(op.input, op.output)
    if isinstance(op, DepthwiseConv2D):
        parameters = f"{{{offsets}, {op.out_channels // op.input.shape[2]}, {tiles}, {_limits(op)}}}"
        struct = _struct("cmsis_nn_dw_conv_params", "params", parameters)
        return struct, _dims("filter", 1, *slide.kernel, op.out_channels), maps
    struct = _struct("cmsis_nn_conv_params", "params", f"{{{offsets}, {tiles}, {_limits(op)}}}")
    filter_dims = _dims("filter", op.out_channels, *slide.kernel, op.input.shape[2])
    return struct, filter_dims, maps


def _map_dims(source: Activation, target: Activation) -> list[dict[str, str]]:
    return [_dims("in", 1, *source.shape), _dims("out", 1, *target.shape)]


def _limits(op: Weighted | AveragePool2D) -> str:
    return f"{{{op.activation_min}, {op.activation_max}}}"


def _dims(name: str, *nhwc: int) -> dict[str, str]:
    return _struct("cmsis_nn_dims", name, f"{{{', '.join(map(str, nhwc))}}}")


def _struct(kind: str, name: str, value: str) -> dict[str, str]:
    return {"type": kind, "name": name, "text": value}


def _array(kind: str, name: str, values: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "elements": values.ravel().tolist()}


def _list(name: str, values: list[int]) -> dict[str, Any]:
    return {"type": "int32_t", "name": name, "elements": values}
