"""The judge of bit-exactness: the real TFLite Micro interpreter, from the `tflite-micro` wheel (Linux x86-64)."""

import importlib.metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.errors import MissingDependency, ModelError

Int8 = npt.NDArray[np.int8]


def version() -> str | None:
    """The installed wheel as reports name it, None where there is none."""
    try:
        return f"TFLite Micro (tflite-micro {importlib.metadata.version('tflite-micro')})"
    except importlib.metadata.PackageNotFoundError:
        return None


def infer(model: bytes, inputs: Int8, maps_bytes: int = 0) -> Int8:
    """Runs `inputs` `[samples, *input shape]` one by one; returns `[samples, output bytes]`.

    `maps_bytes` is what the largest layer's maps take: the interpreter's arena has room for several times that.

    Raises MissingDependency without the wheel, ModelError where TFLite Micro refuses the model.
    """
    try:
        from tflite_micro import runtime
    except ImportError:
        raise MissingDependency(
            "the TFLite Micro interpreter is not installed: `pip install tflite-micro` (Linux x86-64)"
        ) from None
    try:
        interpreter: Any = runtime.Interpreter.from_bytes(
            model, arena_size=(1 << 20) + 10 * len(model) + 4 * maps_bytes
        )
        shape = interpreter.get_input_details(0)["shape"]
        return np.stack([_once(interpreter, sample.reshape(shape)) for sample in inputs])
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"TFLite Micro refuses the model: {error}") from None


def _once(interpreter: Any, sample: Int8) -> Int8:
    interpreter.set_input(sample, 0)
    interpreter.invoke()
    output: Int8 = interpreter.get_output(0)
    return output.reshape(-1).copy()
