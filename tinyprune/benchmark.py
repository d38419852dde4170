"""Link + inputs → BenchmarkReport: loads each input, runs the network through the protocol, reads the raw output."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from tinyprune.errors import DataError, TargetError
from tinyprune.link import Link
from tinyprune.protocol import Device

Array = TypeVar("Array", bound=npt.NDArray[Any])

#: Whose time the device's clock tells: a real one's, the cycle model's, or none (an emulator without a model).
Timing = Literal["measured", "modelled", "none"]


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """`outputs` `[samples, output_bytes]`; `inference_us` `[samples]`, the mean over `runs`; None without timing."""

    device: str
    network: str
    model_id: str
    outputs: npt.NDArray[np.int8]
    inference_us: npt.NDArray[np.float64] | None
    runs: int
    timing: Timing


def run(
    link: Link,
    inputs: npt.NDArray[np.int8],
    *,
    timing: Timing,
    model_id: str | None = None,
    runs: int = 1,
    warmup: int = 0,
    inference_timeout_s: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
) -> BenchmarkReport:
    """Runs every row of `inputs`, `[samples, input_bytes]`. `progress` gets (samples done, samples).

    Raises TargetError if the device holds another model than `model_id` or misbehaves, DataError for wrong inputs.
    """
    if inputs.ndim != 2 or inputs.dtype != np.int8 or len(inputs) == 0:
        raise DataError(f"inputs must be int8 [samples, input_bytes], not {inputs.dtype} {list(inputs.shape)}")
    device = Device(link)
    device.connect()
    held = device.model_id()
    if model_id is not None and held != model_id:
        raise TargetError(f"the device runs model {held}, not {model_id}: flash it again")
    outputs = []
    times_us = []
    for done, sample in enumerate(inputs, start=1):
        device.load(sample.tobytes())
        times_us.append(device.infer(runs, warmup, inference_timeout_s * (runs + warmup)) / runs)
        outputs.append(device.output())
        if progress:
            progress(done, len(inputs))
    inference_us = None if timing == "none" else _frozen(np.array(times_us))
    return BenchmarkReport(
        device.name(), device.profile()[1], held, _frozen(np.stack(outputs)), inference_us, runs, timing
    )


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array
