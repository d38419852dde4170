"""Tensors of a .tflite file: shapes, scales, constants; whatever is not what an int8 network needs is refused."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.graph import Activation
from tinyprune.errors import ModelError

#: The longest side of a map.
MAX_DIMENSION = 1 << 15


@dataclass(frozen=True, slots=True)
class File:
    model: Any
    subgraph: Any
    tensor_count: int


def indices(table: Any, field: str) -> tuple[int, ...]:
    """The vector of tensor numbers `Inputs` or `Outputs`; −1 stands for an operand left out."""
    length = getattr(table, f"{field}Length")()
    array = getattr(table, f"{field}AsNumpy")() if length else ()
    return tuple(int(i) for i in array)


def tensor_of(file: File, index: int) -> Any:
    if not 0 <= index < file.tensor_count:
        raise ModelError(f"tensor number {index} does not exist")
    return file.subgraph.Tensors(index)


def tensor_name(file: File, index: int) -> str:
    return (tensor_of(file, index).Name() or b"?").decode(errors="replace")


def _type_name(number: int) -> str:
    from tflite import TensorType

    return next((name for name, code in vars(TensorType).items() if code == number), f"type {number}")


def type_of(file: File, index: int) -> str:
    return _type_name(tensor_of(file, index).Type())


def expect_type(file: File, index: int, wanted: str) -> None:
    found = type_of(file, index)
    if found != wanted:
        hint = {
            "FLOAT32": "; quantize it to full int8 (inference_input_type = inference_output_type = int8), "
            "or give tinyprune the Keras model and --calibration",
            "INT16": "; only int8 activations are supported, quantize without 16x8 mode",
            "UINT8": "; quantize with inference_input_type = int8",
        }.get(found, "")
        raise ModelError(f'tensor "{tensor_name(file, index)}" is {found}, {wanted} is needed{hint}')


def shape_of(file: File, index: int) -> tuple[int, ...]:
    """The shape with its batch. Raises ModelError for any unknown size but the batch's."""
    tensor = tensor_of(file, index)
    shape = [int(n) for n in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []
    signature = [int(n) for n in tensor.ShapeSignatureAsNumpy()] if tensor.ShapeSignatureLength() else shape
    if -1 in signature[1:]:
        raise ModelError(
            f'tensor "{tensor_name(file, index)}" has the dynamic shape {signature}; only the batch may be −1: '
            "convert the model with a fixed input shape"
        )
    return tuple(shape)


def scales_of(file: File, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], int]:
    """Scales, zero points and the quantized dimension."""
    quantization = tensor_of(file, index).Quantization()
    if quantization is None or not quantization.ScaleLength():
        raise ModelError(f'tensor "{tensor_name(file, index)}" has no quantization scale')
    scales = np.array(quantization.ScaleAsNumpy(), dtype=np.float32)
    count = quantization.ZeroPointLength()
    zero_points = (
        np.array(quantization.ZeroPointAsNumpy(), dtype=np.int64) if count else np.zeros(len(scales), np.int64)
    )
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ModelError(f'tensor "{tensor_name(file, index)}" has a scale that is not a positive number')
    return scales, zero_points, quantization.QuantizedDimension()


def activation_of(file: File, index: int) -> Activation:
    shape = shape_of(file, index)
    name = tensor_name(file, index)
    expect_type(file, index, "INT8")
    if not shape or shape[0] not in (1, -1):
        raise ModelError(f'tensor "{name}" has shape {list(shape)}; the batch must be 1')
    if not all(0 < n <= MAX_DIMENSION for n in shape[1:]):
        raise ModelError(f'tensor "{name}" has the impossible shape {list(shape)}')
    scales, zero_points, _ = scales_of(file, index)
    if len(scales) != 1 or len(zero_points) != 1 or not -128 <= zero_points[0] <= 127:
        raise ModelError(f'tensor "{name}" must have one scale and one zero point between −128 and 127')
    return Activation(index, name, shape[1:], scales[0], int(zero_points[0]))


def constant_of(file: File, index: int, dtype: type, type_name: str) -> npt.NDArray[Any]:
    tensor = tensor_of(file, index)
    name = tensor_name(file, index)
    if tensor.Sparsity() is not None:
        raise ModelError(f'tensor "{name}" is in TFLite\'s sparse encoding; convert without EXPERIMENTAL_SPARSITY')
    expect_type(file, index, type_name)
    raw = file.model.Buffers(tensor.Buffer()).DataAsNumpy()
    if isinstance(raw, int):
        raise ModelError(f'tensor "{name}" must be a constant, but the model computes it')
    shape = shape_of(file, index)
    if any(n <= 0 for n in shape) or raw.size != prod(shape) * np.dtype(dtype).itemsize:
        raise ModelError(f'tensor "{name}" of shape {list(shape)} has {raw.size} bytes of data')
    return np.frombuffer(raw.tobytes(), dtype=np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(shape)
