"""The judge of bit-exactness: the real TFLite Micro interpreter, from the `tflite-micro` wheel (Linux x86-64)."""

import importlib.metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler import reader, reference
from tinyprune.compiler.graph import Graph
from tinyprune.errors import MissingDependency, ModelError

Int8 = npt.NDArray[np.int8]


def version() -> str | None:
    """The installed wheel as reports name it, None where there is none."""
    try:
        return f"TFLite Micro (tflite-micro {importlib.metadata.version('tflite-micro')})"
    except importlib.metadata.PackageNotFoundError:
        return None


def expected(model: bytes, graph: Graph, inputs: Int8) -> tuple[Int8, str]:
    """What TFLite Micro answers to `inputs` `[samples, …]`: `[samples, output_bytes]`, one sample after the other from
    a fresh start; without its wheel the NumPy reference. Says which. Raises ModelError where TFLite Micro refuses."""
    judge = version()
    if judge is None:
        return reference.infer(graph, inputs), "tinyprune's NumPy reference (tflite-micro is not there)"
    return infer(model, inputs, graph), judge


def infer(model: bytes, inputs: Int8, graph: Graph | None = None) -> Int8:
    """The same, by TFLite Micro. `graph` is what the model was read as, if it has been.

    Raises MissingDependency without the wheel, ModelError where TFLite Micro refuses the model.
    """
    try:
        from tflite_micro import runtime
    except ImportError:
        raise MissingDependency(
            "the TFLite Micro interpreter is not installed: `pip install tflite-micro` (Linux x86-64)"
        ) from None
    graph = graph or reader.read(model)
    arena_bytes = (1 << 20) + 10 * len(model) + 4 * graph.largest_bytes
    parts = graph.split_inputs(inputs)
    try:
        interpreter: Any = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        rows = [_once(interpreter, graph, [part[number] for part in parts]) for number in range(len(inputs))]
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"TFLite Micro refuses the model: {error}") from None
    return np.stack(rows)


def _once(interpreter: Any, graph: Graph, sample: list[Int8]) -> Int8:
    for number, (tensor, part) in enumerate(zip(graph.inputs, sample, strict=True)):
        interpreter.set_input(part.reshape(tensor.file_shape), number)
    interpreter.invoke()
    outputs = [interpreter.get_output(number) for number in range(len(graph.outputs))]
    return np.concatenate([np.ascontiguousarray(output).reshape(-1).view(np.int8) for output in outputs])
