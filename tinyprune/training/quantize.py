"""A tf_keras model becomes a full int8 .tflite: the file that everything below reads.

Convolution weights are int8 per output channel, symmetric; dense weights per tensor, since copies of TensorFlow Lite
Micro older than September 2024 silently miscompute per-channel ones; activations are asymmetric int8, input and output
included (TensorFlow Lite 8-bit quantization specification,
ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec). Ranges of activations come either from
calibration samples or from the ActivationRange layers of the model itself.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError, first_line
from tinyprune.sound.features import front_end_for
from tinyprune.training import keras3
from tinyprune.training.keras_model import activation_range, check_samples, is_quantization_aware, sample_shape
from tinyprune.training.models import BUILDERS, Architecture, Ranges, Size
from tinyprune.training.quiet import quiet_tensorflow
from tinyprune.training.ranges import Histogram

Float32 = npt.NDArray[np.float32]
RangeRule = Literal["least-error", "extremes"]

#: Samples run at a time when ranges are recorded.
BATCH_SAMPLES = 256
#: Keras's layers that go through a sequence step by step.
_LOOPS = ("GRU", "LSTM", "RNN", "SimpleRNN")


def quantize(
    model: Any, calibration: npt.NDArray[np.generic] | None = None, ranges: RangeRule = "least-error"
) -> bytes:
    """Convert for one sample at a time.

    `calibration` is `[samples, *input shape]`. Of what it shows of each tensor, int8 covers what `ranges` says: the
    range with the least squared error (`ranges.py`), or from extreme to extreme, as TensorFlow Lite does by
    itself. Neither counts for a model that was trained quantization-aware: it carries its ranges. Equal arguments give
    equal bytes.
    """
    if calibration is None or is_quantization_aware(model):
        _require_ranges(model)
        content = _convert(model, None)
    else:
        samples = check_samples(model, calibration, "calibration")
        content = _convert(_without_ranges(model), samples, ranges=ranges)
    _require_int8(content)
    return content


def convert_float(model: Any) -> bytes:
    """The same network as a float32 .tflite, with the operators that the int8 one has: to compare the two."""
    if is_quantization_aware(model):
        raise ModelError(f"model {model.name} was trained quantization-aware: it has no float network to compare with")
    return _convert(_without_ranges(model), None, int8=False)


def record_ranges(model: Any, samples: Float32) -> Ranges:
    """For the input, every ReLU, what is added and the logits, the range in which int8 rounds `samples` with the least
    error."""
    from tf_keras import Model

    kinds = ("InputLayer", "ReLU", "Dense")
    names = [layer.name for layer in model.layers if type(layer).__name__ in kinds or _is_added(layer)]
    taps = Model(model.inputs, [model.get_layer(name).output for name in names])
    batches = [samples[start : start + BATCH_SAMPLES] for start in range(0, len(samples), BATCH_SAMPLES)]
    ends = [[(out.min(), out.max()) for out in taps.predict_on_batch(batch)] for batch in batches]
    smallest, largest = np.min(ends, axis=0)[:, 0], np.max(ends, axis=0)[:, 1]
    histograms = [Histogram(float(low), float(high)) for low, high in zip(smallest, largest, strict=True)]
    for batch in batches:
        for histogram, output in zip(histograms, taps.predict_on_batch(batch), strict=True):
            histogram.add(output)
    return {name: histogram.best() for name, histogram in zip(names, histograms, strict=True)}


def quantize_keywords(
    model: Any, size: Size, samples: Float32, architecture: Architecture = "ds-cnn"
) -> tuple[Ranges, bytes]:
    """The ranges of a network for keywords over samples `[clips, frames, width, 1]`, and the int8 .tflite."""
    ranges = record_ranges(model, samples)
    ranged = BUILDERS[architecture](size, model.output_shape[-1], ranges, front_end_for(samples.shape[1:]))
    ranged.set_weights(model.get_weights())
    return ranges, quantize(ranged)


def _is_added(layer: Any) -> bool:
    return any(type(node.outbound_layer).__name__ == "Add" for node in layer.outbound_nodes)


def _require_ranges(model: Any) -> None:
    if not is_quantization_aware(model) and not any(isinstance(layer, activation_range()) for layer in model.layers):
        raise ModelError(
            f"model {model.name} carries no activation ranges: give calibration samples (a .npy of typical inputs)"
        )


def _without_ranges(model: Any) -> Any:
    from tf_keras import layers
    from tf_keras.models import clone_model

    def clone(layer: Any) -> Any:
        if isinstance(layer, activation_range()):
            return layers.Activation("linear", name=layer.name)
        return type(layer).from_config(layer.get_config())

    if not any(isinstance(layer, activation_range()) for layer in model.layers):
        return model
    bare = clone_model(model, clone_function=clone)
    bare.set_weights(model.get_weights())
    return bare


def _with_known_loops(model: Any) -> Any:
    """TensorFlow Lite makes an LSTM operator of Keras 2's loop, and none of Keras 3's."""
    loops = any(type(layer).__name__ in _LOOPS for layer in model._flatten_layers())
    return keras3.rebuild(model) if loops and keras3.is_keras_3(model) else model


def _crashes(layer: Any) -> bool:
    """Whether it is a loop that TensorFlow Lite (2.21) cannot make an LSTM operator of."""
    kind = type(layer).__name__
    if kind not in _LOOPS or layer.unroll:
        return False
    usual = kind == "LSTM" and (layer.activation.__name__, layer.recurrent_activation.__name__) == ("tanh", "sigmoid")
    return not (usual and layer.use_bias)


@quiet_tensorflow()
def _convert(model: Any, samples: Float32 | None, int8: bool = True, ranges: RangeRule = "extremes") -> bytes:
    import tensorflow as tf

    model = _with_known_loops(model)
    crashing = [layer for layer in model._flatten_layers() if _crashes(layer)]
    if int8 and crashing:
        raise ModelError(
            f"layer {crashing[0].name} of {model.name} is a {type(crashing[0]).__name__} on which int8 quantization by "
            "TensorFlow Lite crashes; use an LSTM with bias and the usual activations, unroll=True, or convolutions"
        )
    signature = tf.TensorSpec((1, *sample_shape(model)), tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(signature)
    holder = tf.Module()
    holder.weights = list(function.graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], holder)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if samples is not None:
        converter.representative_dataset = _one_by_one(samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter._experimental_calibrate_only = ranges == "least-error"
    try:
        content = bytes(converter.convert())
        if samples is None or ranges == "extremes":
            return content
        return _quantize_calibrated(_with_best_ranges(content, samples))
    except Exception as error:  # MLIR diagnostics come as RuntimeError, ValueError or ConverterError
        raise ModelError(
            f"TensorFlow Lite cannot convert {model.name} to {'int8' if int8 else 'float'}: {first_line(error)}"
        ) from error


def _with_best_ranges(calibrated: bytes, samples: Float32) -> bytes:
    """A float .tflite with the extremes of its tensors → the same with the ranges of least error."""
    import tensorflow as tf
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(calibrated))
    (graph,) = model.subgraphs
    known = {index: t.quantization for index, t in enumerate(graph.tensors) if t.quantization and _has_extremes(t)}
    histograms = {index: Histogram(float(q.min[0]), float(q.max[0])) for index, q in known.items()}
    interpreter = tf.lite.Interpreter(
        model_content=calibrated,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    for sample in samples:
        interpreter.set_tensor(graph.inputs[0], sample[np.newaxis])
        interpreter.invoke()
        for index, histogram in histograms.items():
            histogram.add(interpreter.get_tensor(index))
    for index, histogram in histograms.items():
        known[index].min, known[index].max = ([end] for end in histogram.best())
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _has_extremes(tensor: Any) -> bool:
    return tensor.quantization.min is not None and len(tensor.quantization.min) == 1


def _quantize_calibrated(calibrated: bytes) -> bytes:
    """What the converter does after calibration."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    return bytes(
        mlir_quantize(
            calibrated,
            input_data_type=tf.int8,
            output_data_type=tf.int8,
            disable_per_channel_for_dense_layers=True,
        )
    )


def _one_by_one(samples: Float32) -> Callable[[], Iterator[list[Float32]]]:
    return lambda: ([sample[np.newaxis]] for sample in samples)


def _require_int8(content: bytes) -> None:
    """Refuse a graph in which a tensor was left in float: its range was neither recorded nor calibrated."""
    import tflite

    graph = tflite.Model.GetRootAs(content, 0).Subgraphs(0)
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    inner = {
        op.Intermediates(index) for op in operators for index in range(op.IntermediatesLength())
    }  # no real tensors
    tensors = [graph.Tensors(index) for index in range(graph.TensorsLength()) if index not in inner]
    floats = [tensor.Name().decode() for tensor in tensors if tensor.Type() == tflite.TensorType.FLOAT32]
    if floats:
        raise ModelError(
            f"the model is not int8 throughout: {', '.join(floats[:3])} stayed float; give calibration samples, or "
            "write layers that TensorFlow Lite has no int8 operator for another way"
        )
