"""A float .tflite → the tf_keras model that computes the same, so that it can be pruned and quantized like one.

Weights that are stored as int8 or float16 become float32: the network computes with real values in any case. That
nothing was misread is seen by running both: their answers must be equal but for the order of sums.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import reader
from tinyprune.compiler.file import (
    File,
    Node,
    constant_of,
    is_constant,
    scales_of,
    shape_of,
    tensor_name,
    type_of,
)
from tinyprune.compiler.layer_names import name_layers
from tinyprune.errors import ModelError, Obstacle, UsageError, first_line
from tinyprune.training.float_layers import BUILDERS
from tinyprune.training.quiet import quiet_tensorflow

Float32 = npt.NDArray[np.float32]

#: The largest difference of two answers that are the same, as a part of the largest one (or of 1).
TOLERANCE = 1e-5
#: On how many samples both networks are run.
COMPARED = 16
#: Which operands of an operator are weights.
_WEIGHTS = {
    "CONV_2D": slice(1, 2),
    "DEPTHWISE_CONV_2D": slice(1, 2),
    "FULLY_CONNECTED": slice(1, 2),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": slice(1, 9),
}


@quiet_tensorflow()
def rebuild(data: bytes, name: str) -> Any:
    """The model in the bytes of a float .tflite, with a batch of any size; `name` is what messages call it.

    Raises ModelError with everything that Keras has no layer for, UsageError for an int8 file.
    """
    file = reader.read_float(_with_real_weights(data, name), name)
    if file is None:
        raise UsageError(f"{name} is quantized already: `tinyprune build --model` takes it as it is")
    return _Import(file, name).model()


@quiet_tensorflow()
def compare(model: Any, data: bytes, name: str, samples: Float32 | None = None) -> None:
    """Raises ModelError where a rebuilt model answers otherwise than its file, on some of `samples` `[samples, *input
    shape]` or on made-up ones."""
    import tensorflow as tf

    given = _given(model, samples)
    try:
        wanted = _answers(_with_real_weights(data, name), given)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{name}: TensorFlow Lite cannot run it: {first_line(error)}") from error
    found = tf.nest.flatten(model.predict_on_batch(given if len(given) > 1 else given[0]))
    for one, other in zip(wanted, found, strict=True):
        apart = float(np.abs(one - other).max()) / max(1.0, float(np.abs(one).max()))
        if not apart <= TOLERANCE:
            raise ModelError(
                f"{name}: rebuilt in Keras it answers otherwise than TensorFlow Lite (by {apart:.2g} of the largest "
                "answer); quantize it where it was made, or give the Keras model"
            )


def _with_real_weights(data: bytes, name: str) -> bytes:
    """The same file where layers have float32 weights in place of int8 ones, with which TFLite rounds activations."""
    from tensorflow.lite.tools import flatbuffer_utils

    file = reader.read_float(data, name)
    found = {} if file is None else {index: _real(file, index) for index in _int8_weights(file)}
    if not found:
        return data
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    for index, values in found.items():
        tensor = model.subgraphs[0].tensors[index]
        tensor.type, tensor.quantization, tensor.sparsity = 0, None, None
        buffer = type(model.buffers[0])()
        buffer.data = np.frombuffer(values.astype("<f4").tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _int8_weights(file: File) -> set[int]:
    found = set[int]()
    for one in file.operators:
        weights = one.inputs[_WEIGHTS.get(one.kind, slice(0))]
        found |= {each for each in weights if is_constant(file, each) and type_of(file, each) in ("INT8", "UINT8")}
    return found


def _real(file: File, index: int) -> Float32:
    """The values of a quantized constant."""
    stored = constant_of(file, index, "INT8", "UINT8").astype(np.float32)
    scales, zero_points, axis = scales_of(file, index)
    shape = [1] * stored.ndim
    if len(scales) > 1:
        shape[axis] = len(scales)
    return np.asarray((stored - zero_points.astype(np.float32).reshape(shape)) * scales.reshape(shape))


class _Import:
    """Layers are made in the file's order; `values` are tensors of Keras and arrays, by number."""

    def __init__(self, file: File, name: str) -> None:
        self._file, self._name = file, name
        self._values: dict[int, Any] = {}
        self._obstacles: list[Obstacle] = []

    def model(self) -> Any:
        from tf_keras import Model

        kept = [one for one in self._file.operators if not reader.vanishes(self._file, one)]
        names = name_layers(self._file, kept)
        inputs = [self._input(index, set(names.values())) for index in self._file.inputs]
        for one in kept:
            name = names[one.number]
            self._add(Node(self._file, one.kind, name, one.number, one.inputs, one.outputs, one.table, {}))
        if self._obstacles:
            told = reader.told(self._obstacles, BUILDERS)
            raise ModelError(
                f"{self._name}: this float .tflite cannot be quantized or pruned: {told}", tuple(self._obstacles)
            )
        answers = [self._values[index] for index in self._file.outputs]
        return Model(inputs, answers[0] if len(answers) == 1 else answers, name="imported")

    def _input(self, index: int, taken: set[str]) -> Any:
        from tf_keras import layers

        shape = shape_of(self._file, index)
        kind = type_of(self._file, index)
        if kind != "FLOAT32" or not shape or shape[0] not in (1, -1):
            raise ModelError(
                f'{self._name}: its input "{tensor_name(self._file, index)}" is {kind} {list(shape)}; float32 with a '
                "batch of 1 (or −1) is needed: convert the model again"
            )
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", tensor_name(self._file, index)).strip("_")
        is_free = plain[:1].isalpha() and plain not in taken
        self._values[index] = layers.Input(shape[1:], name=plain if is_free else f"input_{index}_{plain}")
        return self._values[index]

    def _add(self, node: Node) -> None:
        """The answer of one operator, or what is wrong with it added to the obstacles."""
        try:
            for index in node.outputs:
                self._values[index] = self._answer(node)
            return
        except ModelError as error:
            reason = str(error)
        except reader.DAMAGE as error:  # of options, or what Keras says of shapes that do not fit
            reason = f"Keras has no such layer: {first_line(error)}"
        tensor = tensor_name(self._file, node.outputs[0]) if node.outputs else "?"
        self._obstacles.append(Obstacle(node.kind, node.number, tensor, reason))
        self._values |= {index: _stand_in(self._file, index) for index in node.outputs}

    def _answer(self, node: Node) -> Any:
        operands = [self._operand(index) for index in node.inputs]
        if node.kind == "DEQUANTIZE" and isinstance(operands[0], np.ndarray):
            return operands[0]
        if node.kind not in BUILDERS or len(node.outputs) != 1:
            raise ModelError("is not supported")
        return BUILDERS[node.kind](node, operands, node.name)

    def _operand(self, index: int) -> Any:
        if index < 0 or index in self._values:
            return self._values.get(index)
        kind = type_of(self._file, index)
        if not is_constant(self._file, index):
            return None  # arithmetic on shapes
        if kind in ("INT8", "UINT8"):
            return _real(self._file, index)
        values = constant_of(self._file, index, "FLOAT32", "FLOAT16", "INT32", "INT64")
        return values.astype(np.float32) if kind == "FLOAT16" else values


def _stand_in(file: File, index: int) -> Any:
    """For an answer that there is none of, so that what comes behind is looked at too."""
    from tf_keras import layers

    try:
        return layers.Input(shape_of(file, index)[1:])
    except ModelError:
        return None


def _given(model: Any, samples: Float32 | None) -> list[Float32]:
    """What both are run on, for each input `[samples, *its shape]`."""
    if samples is not None:
        return [samples[:: -(-len(samples) // COMPARED)]]
    rng = np.random.default_rng(0)
    return [rng.normal(size=(COMPARED, *each.shape[1:])).astype(np.float32) for each in model.inputs]


def _answers(content: bytes, given: list[Float32]) -> list[Float32]:
    """TensorFlow Lite's, for each output `[samples, *its shape]`."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    entries, exits = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for batch in zip(*given, strict=True):
        for entry, sample in zip(entries, batch, strict=True):
            interpreter.set_tensor(entry["index"], sample[np.newaxis])
        interpreter.reset_all_variables()  # as for Keras, each sample is a sequence of its own
        interpreter.invoke()
        answers.append([interpreter.get_tensor(each["index"]).copy() for each in exits])
    return [np.concatenate(each) for each in zip(*answers, strict=True)]
