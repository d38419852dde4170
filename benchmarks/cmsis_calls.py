"""How CMSIS-NN runs an operator: the call that TFLite Micro would make, as C.

A family of operators a function; `FAMILIES` lists them. CMSIS-NN has no SUB, no MEAN, no broadcasting in ADD and MUL,
and TFLite Micro moves bytes without it: such layers have no call. Nor have LSTM, SVDF and transposed convolutions yet.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from tinyprune.compiler.graph import Activation, ConstantTensor, Op, Tensor
from tinyprune.compiler.kernels import softmax_fields
from tinyprune.compiler.kernels.unary import exponentials_bytes
from tinyprune.compiler.operators.add import LEFT_SHIFT, Add, Sub
from tinyprune.compiler.operators.average_pool_2d import AveragePool2D
from tinyprune.compiler.operators.binary import Binary
from tinyprune.compiler.operators.conv_2d import Conv2D
from tinyprune.compiler.operators.depthwise_conv_2d import DepthwiseConv2D
from tinyprune.compiler.operators.extremum import Maximum, Minimum
from tinyprune.compiler.operators.fully_connected import FullyConnected
from tinyprune.compiler.operators.mul import Mul
from tinyprune.compiler.operators.pad import Pad
from tinyprune.compiler.operators.pool import Pool2D
from tinyprune.compiler.operators.softmax import Softmax
from tinyprune.compiler.operators.weighted import Weighted, requantization
from tinyprune.compiler.operators.window import Window

#: Ours, the same algorithm, where the sources have no softmax.
OUR_SOFTMAX = "tp_softmax_s8_dense_c"
_SOURCE, _TARGET = "(const int8_t *)@0", "(int8_t *)@1"  # of operators with one operand
_PER_TENSOR, _PER_CHANNEL = "cmsis_nn_per_tensor_quant_params", "cmsis_nn_per_channel_quant_params"


@dataclass(frozen=True, slots=True)
class Code:
    """A layer in C: `@0`, `@1`, … stand for the addresses of its activations and its result, in this order,
    and `@scratch` for that of bytes of its own."""

    function: str
    arguments: tuple[str, ...]
    declarations: tuple[str, ...]
    scratch_bytes: int = 0

    def statement(self, places: Sequence[str], scratch: str) -> str:
        """The call, with these addresses."""
        text = f"{self.function}({', '.join(self.arguments)})"
        for number, place in reversed(list(enumerate(places))):
            text = text.replace(f"@{number}", place)
        return text.replace("@scratch", scratch)


@dataclass
class _Writer:
    """Collects declarations; each method answers how C names what it declared."""

    prefix: str
    lines: list[str] = field(default_factory=list)

    def array(self, name: str, kind: str, values: Any) -> str:
        numbers = ",".join(map(str, values.ravel().tolist() if hasattr(values, "ravel") else values))
        self.lines.append(f"static const {kind} {self.prefix}{name}[] = {{{numbers}}};")
        return f"{self.prefix}{name}"

    def struct(self, name: str, kind: str, *values: object) -> str:
        self.lines.append(f"static const {kind} {self.prefix}{name} = {_braced(values)};")
        return f"&{self.prefix}{name}"

    def dims(self, name: str, *nhwc: int) -> str:
        return self.struct(name, "cmsis_nn_dims", *nhwc)

    def map_dims(self, source: Tensor, target: Tensor) -> tuple[str, str]:
        return self.dims("in", *_nhwc(source)), self.dims("out", *_nhwc(target))

    def channel_scales(self, op: Weighted) -> str:
        arrays = [
            f"(int32_t *){self.array(name, 'int32_t', values)}"
            for name, values in zip(("multipliers", "shifts"), requantization(op), strict=True)
        ]
        return self.struct("quant", _PER_CHANNEL, *arrays)


def _braced(values: Sequence[object]) -> str:
    return f"{{{', '.join(_braced(v) if isinstance(v, tuple) else str(v) for v in values)}}}"


def _nhwc(tensor: Tensor) -> tuple[int, ...]:
    shape = tensor.file_shape
    return (*(1,) * (4 - len(shape)), *shape)


def _context(bytes_: int, place: str = "@scratch") -> str:
    return f"&(const cmsis_nn_context){{{place}, {bytes_}}}"


def _limits(op: Any) -> tuple[int, int]:
    return op.activation_min, op.activation_max


def _tile(pair: tuple[int, int]) -> tuple[int, int]:
    return pair[1], pair[0]


_Family = Callable[[Any, _Writer, Collection[str]], "tuple[str, list[str], int] | None"]


def code_of(op: Op, prefix: str, available: Collection[str]) -> Code | None:
    """How a layer runs with the functions that are there; None where CMSIS-NN has none for it."""
    dtypes, with_s16 = {tensor.dtype for tensor in (*op.inputs, *op.outputs)}, isinstance(op, _WITH_S16)
    if dtypes != {"int8"} and not (with_s16 and dtypes == {"int16"}):
        return None
    for kinds, family in FAMILIES.items():
        if isinstance(op, kinds) and not isinstance(op, Sub):
            writer = _Writer(prefix)
            made = family(op, writer, available)
            if made is not None and dtypes == {"int16"}:
                made = _as_s16(*made)
            if made is None or made[0] not in {*available, OUR_SOFTMAX}:
                return None
            return Code(made[0], tuple(made[1]), tuple(writer.lines), made[2])
    return None


def _as_s16(function: str, arguments: list[str], scratch: int) -> tuple[str, list[str], int]:
    """The function of int16 maps that takes the same arguments."""
    ends = {_SOURCE, _TARGET}
    typed = [text.replace("int8_t", "int16_t") if text in ends else text for text in arguments]
    return function.replace("_s8", "_s16"), typed, scratch


def _bias(op: Weighted, c: _Writer) -> str:
    found = c.array("bias", f"{op.bias.dtype.name}_t", op.bias)
    if isinstance(op, Conv2D) and op.input.dtype == "int16":
        return c.struct("typed_bias", "cmsis_nn_bias_data", found, int(not op.rounds_once))
    return found


def _convolution(op: Conv2D, c: _Writer, _: Collection[str]) -> tuple[str, list[str], int]:
    slide = op.window
    pointwise = slide.kernel == (1, 1) and slide.padding == (0, 0)
    scratch = 0 if pointwise and op.input.dtype == "int8" else 4 * (-(-prod(op.weights.shape[1:]) // 4) * 4)
    params = c.struct("params", "cmsis_nn_conv_params", *_offsets(op), *_tiles(slide), _limits(op))
    filter_dims = c.dims("filter", op.out_channels, *slide.kernel, op.input.shape[2])
    return "arm_convolve_wrapper_s8", [_context(scratch), *_weighted(op, c, params, filter_dims)], scratch


def _depthwise(op: DepthwiseConv2D, c: _Writer, _: Collection[str]) -> tuple[str, list[str], int]:
    channels, slide = op.input.shape[2], op.window
    scratch = 2 * channels * prod(slide.kernel)
    multiplier = op.out_channels // channels
    params = c.struct("params", "cmsis_nn_dw_conv_params", *_offsets(op), multiplier, *_tiles(slide), _limits(op))
    filter_dims = c.dims("filter", 1, *slide.kernel, op.out_channels)
    return "arm_depthwise_conv_wrapper_s8", [_context(scratch), *_weighted(op, c, params, filter_dims)], scratch


def _offsets(op: Any) -> tuple[int, int]:
    return -op.input.zero_point, op.output.zero_point


def _tiles(window: Window) -> list[tuple[int, int]]:
    return [_tile(window.stride), _tile(window.padding), _tile(window.dilation)]


def _weighted(op: Weighted, c: _Writer, params: str, filter_dims: str) -> list[str]:
    before, behind = c.map_dims(op.input, op.output)
    weights, bias = c.array("weights", "int8_t", op.weights), _bias(op, c)
    channels = c.dims("channels", 1, 1, 1, op.out_channels)
    return [params, c.channel_scales(op), before, _SOURCE, filter_dims, weights, channels, bias, behind, _TARGET]


def _fully_connected(op: FullyConnected, c: _Writer, _: Collection[str]) -> tuple[str, list[str], int]:
    depth = int(op.weights.shape[1])
    batches = op.output.count // op.out_channels
    pairs = set(zip(*(values.tolist() for values in requantization(op)), strict=True))
    single = len(pairs) == 1
    quant = c.struct("quant", _PER_TENSOR, *pairs.pop()) if single else c.channel_scales(op)
    arguments = [
        _context(0),
        c.struct("params", "cmsis_nn_fc_params", -op.input.zero_point, 0, op.output.zero_point, _limits(op)),
        quant,
        c.dims("in", batches, 1, 1, depth),
        _SOURCE,
        c.dims("filter", depth, 1, 1, op.out_channels),
        c.array("weights", "int8_t", op.weights),
        c.dims("channels", 1, 1, 1, op.out_channels),
        _bias(op, c),
        c.dims("out", batches, 1, 1, op.out_channels),
        _TARGET,
    ]
    return f"arm_fully_connected_{'' if single else 'per_channel_'}s8", arguments, 0


def _pool(op: Pool2D, c: _Writer, _: Collection[str]) -> tuple[str, list[str], int]:
    scratch = 4 * op.input.shape[2] if isinstance(op, AveragePool2D) else 0
    tiles = (_tile(op.window.stride), _tile(op.window.padding))
    params = c.struct("params", "cmsis_nn_pool_params", *tiles, _limits(op))
    before, behind = c.map_dims(op.input, op.output)
    arguments = [_context(scratch), params, before, _SOURCE, c.dims("filter", 1, *op.window.kernel, 1), behind, _TARGET]
    return ("arm_avgpool_s8" if isinstance(op, AveragePool2D) else "arm_max_pool_s8"), arguments, scratch


def _softmax(op: Softmax, c: _Writer, available: Collection[str]) -> tuple[str, list[str], int]:
    fields = softmax_fields(op)
    if "arm_softmax_s8" in available:
        return "arm_softmax_s8", [_SOURCE, *map(str, fields.values()), _TARGET], 0
    return (
        OUR_SOFTMAX,
        [
            c.struct("params", "tp_softmax", *(f".{key} = {value}" for key, value in fields.items())),
            _SOURCE,
            _TARGET,
            "@scratch",
        ],
        exponentials_bytes(op),
    )


def _sum(op: Add, c: _Writer, _: Collection[str]) -> tuple[str, list[str], int] | None:
    if op.left.shape != op.right.shape:
        return None
    left, right, behind = op.scalings
    numbers = [-op.left.zero_point, *left, -op.right.zero_point, *right, LEFT_SHIFT]
    target = [op.output.zero_point, *behind, *_limits(op), op.output.count]
    operands = list(_operands(op, c))
    return "arm_elementwise_add_s8", [*operands[:2], *map(str, numbers), operands[2], *map(str, target)], 0


def _product(op: Mul, c: _Writer, _: Collection[str]) -> tuple[str, list[str], int] | None:
    if op.left.shape != op.right.shape:
        return None
    target = [op.output.zero_point, *op.scaling, *_limits(op), op.output.count]
    first, second, result = _operands(op, c)
    numbers = [str(-tensor.zero_point) for tensor in (op.left, op.right)]
    return "arm_elementwise_mul_s8", [first, second, *numbers, result, *map(str, target)], 0


def _extremum(op: Binary, c: _Writer, _: Collection[str]) -> tuple[str, list[str], int] | None:
    if op.left.shape != op.right.shape or len(op.output.file_shape) > 4:
        return None
    first, second, result = _operands(op, c)
    left, right, target = (
        c.dims(name, *_nhwc(t)) for name, t in (("left", op.left), ("right", op.right), ("out", op.output))
    )
    name = "arm_maximum_s8" if isinstance(op, Maximum) else "arm_minimum_s8"
    return name, [_context(0), first, left, second, right, result, target], 0


def _operands(op: Binary, c: _Writer) -> Iterator[str]:
    """Both and the result, as C names them."""
    places = {tensor: f"(const int8_t *)@{number}" for number, tensor in enumerate(op.activations)}
    for number, tensor in enumerate(op.inputs):
        if isinstance(tensor, ConstantTensor):
            yield c.array(f"constant_{number}", "int8_t", tensor.values)
        else:
            assert isinstance(tensor, Activation)
            yield places[tensor]
    yield f"(int8_t *)@{len(places)}"


def _pad(op: Pad, c: _Writer, _: Collection[str]) -> tuple[str, list[str], int] | None:
    if len(op.input.file_shape) > 4:
        return None
    missing = (0,) * (4 - len(op.before))
    dims = [c.dims("in", *_nhwc(op.input)), c.dims("pre", *missing, *op.before), c.dims("post", *missing, *op.after)]
    return "arm_pad_s8", [_SOURCE, _TARGET, str(op.value), *dims], 0


_WITH_S16 = (Conv2D, DepthwiseConv2D, FullyConnected)
FAMILIES: dict[type | tuple[type, ...], _Family] = {
    Conv2D: _convolution,
    DepthwiseConv2D: _depthwise,
    FullyConnected: _fully_connected,
    Pool2D: _pool,
    Softmax: _softmax,
    Add: _sum,
    Mul: _product,
    (Maximum, Minimum): _extremum,
    Pad: _pad,
}
