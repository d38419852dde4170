"""What int8 costs each layer: the outputs of the quantized network beside those of the same network in float.

Both are converted by TensorFlow Lite, which fuses them alike, so that their operators pair up in order. The float one
runs in TensorFlow's interpreter with every tensor kept, the int8 one in the reference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import reader, reference, samples
from tinyprune.compiler.graph import Activation
from tinyprune.compiler.operators.quantize import Quantize
from tinyprune.errors import ModelError
from tinyprune.training import quantize
from tinyprune.training.keras_model import check_samples
from tinyprune.training.quiet import quiet_tensorflow

Float32 = npt.NDArray[np.float32]

#: A few are enough for a mean over all outputs of a layer.
MOST_SAMPLES = 64
#: Of a layer's outputs, the part at its limit from which on it has no more to say.
MOST_AT_LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class LayerError:
    """Of one operator's outputs, errors of the layers before it included."""

    name: str
    sqnr_db: float
    """Signal to quantization noise: 10·log10(mean square of the float outputs / mean square of the differences); ∞
    without a difference, −∞ where all float outputs are 0."""
    largest: float
    """The largest difference, as a share of the float outputs' range."""
    clipped: float
    """Share of float outputs outside of what the int8 range can show, by more than a rounding."""
    constant: bool = False
    """Whether all samples get the same float outputs."""
    at_limit: float = 0.0
    """Share of float outputs that equal the layer's largest one, where that is not 0."""


def oddities(errors: Sequence[LayerError]) -> tuple[str, ...]:
    """A sentence about layers that say nothing on the samples, and one about layers at their limit, by the first."""
    dead = [each.name for each in errors if each.constant]
    full = [each.name for each in errors if each.at_limit > MOST_AT_LIMIT]
    told = (
        _told(dead, "answers the same to every sample: it is dead on these inputs"),
        _told(full, f"is saturated: more than {MOST_AT_LIMIT:.0%} of its outputs are at its limit"),
    )
    return tuple(filter(None, told))


def _told(names: list[str], what: str) -> str:
    others = f" (as {len(names) - 1} behind it)" if len(names) > 1 else ""
    return f'layer "{names[0]}" {what}{others}; are these inputs scaled as in training?' if names else ""


@quiet_tensorflow()
def layer_errors(model: Any, content: bytes, inputs: npt.NDArray[np.generic]) -> tuple[LayerError, ...]:
    """For each operator of the int8 .tflite `content`, in order, on `inputs` `[samples, *input shape]`.

    Raises ModelError where the two conversions do not pair up.
    """
    checked = check_samples(model, inputs, "calibration")[:MOST_SAMPLES]
    graph = reader.read(content)
    if len(graph.inputs) != 1:
        raise ModelError(f"model {model.name} has {len(graph.inputs)} inputs: no comparison with float")
    source = graph.inputs[0]
    stored = samples.quantize(checked.reshape(len(checked), *source.shape), source, "calibration")
    values = reference.run(graph, stored)
    ops = [op for op in graph.ops if not isinstance(op, Quantize)]
    floats = _float_outputs(quantize.convert_float(model), checked)
    if len(floats) != len(ops) or any(f[0].size != op.outputs[0].count for f, op in zip(floats, ops, strict=True)):
        raise ModelError(f"model {model.name}: its float and int8 conversions have different operators: no comparison")
    return tuple(
        _error(op.name, tensor, real.reshape(len(checked), -1), values[tensor.index].reshape(len(checked), -1))
        for op, real in zip(ops, floats, strict=True)
        for tensor in op.outputs[:1]
    )


def _error(name: str, tensor: Activation, real: Float32, stored: npt.NDArray[np.int8]) -> LayerError:
    """Both `[samples, values]`."""
    wanted = real.astype(np.float64)
    low, high = ((end - tensor.zero_point) * float(tensor.scale) for end in (-128.5, 127.5))
    return LayerError(
        name,
        sqnr_db(tensor, real, stored),
        float(np.abs(wanted - _shown(tensor, stored)).max()) / (float(np.ptp(wanted)) or 1.0),
        float(((wanted < low) | (wanted > high)).mean()),
        len(real) > 1 and bool((real == real[:1]).all()),
        float((real == real.max()).mean()) if real.max() else 0.0,
    )


def sqnr_db(tensor: Activation, real: Float32, stored: npt.NDArray[np.int8]) -> float:
    """Signal to quantization noise of a tensor's values, both `[samples, values]`, in dB; may be infinite."""
    wanted = real.astype(np.float64)
    noise = float(((wanted - _shown(tensor, stored)) ** 2).mean())
    power = float((wanted**2).mean())
    if not noise:
        return math.inf
    return 10 * math.log10(power / noise) if power else -math.inf


def _shown(tensor: Activation, stored: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    return (stored.astype(np.float64) - tensor.zero_point) * float(tensor.scale)


def _float_outputs(content: bytes, inputs: Float32) -> list[Float32]:
    """What each operator of a float .tflite answers, `[samples, *output shape]`."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_content=content, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    outputs = [details["outputs"][0] for details in interpreter._get_ops_details() if details["op_name"] != "DELEGATE"]
    answers = []
    for sample in inputs:
        interpreter.set_tensor(entry["index"], sample[np.newaxis])
        interpreter.invoke()
        answers.append([interpreter.get_tensor(index).copy() for index in outputs])
    return [np.concatenate(column) for column in zip(*answers, strict=True)]
