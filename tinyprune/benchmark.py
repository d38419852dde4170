"""Link + inputs → Run: loads each input, runs the network through the protocol, reads the raw output."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tinyprune.boards import Board
from tinyprune.emulators import Profile, Start
from tinyprune.errors import DataError, TargetError
from tinyprune.firmware import FirmwareImage
from tinyprune.link import Link
from tinyprune.protocol import Clock, Device

Int8 = npt.NDArray[np.int8]
Array = TypeVar("Array", bound=npt.NDArray[Any])


@dataclass(frozen=True, slots=True)
class Run:
    """`outputs` `[samples, output_bytes]`; `inference_us` `[samples]`, the mean over `runs`, None if `clock` stands."""

    device: str
    network: str
    model_id: str
    outputs: Int8
    inference_us: npt.NDArray[np.float64] | None
    runs: int
    clock: Clock


def run(
    link: Link,
    inputs: Int8,
    *,
    clock: Clock,
    model_id: str | None = None,
    runs: int = 1,
    warmup: int = 0,
    inference_timeout_s: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Runs every sample of `inputs`, `[samples, ...]`. `progress` gets (samples done, samples).

    Raises TargetError if the device holds another model than `model_id` or misbehaves, DataError for wrong inputs.
    """
    if inputs.ndim < 2 or inputs.dtype != np.int8 or inputs.size == 0:
        raise DataError(f"inputs must be int8 [samples, ...], not {inputs.dtype} {list(inputs.shape)}")
    device = Device(link)
    device.connect()
    held = device.model_id()
    if model_id is not None and held != model_id:
        raise TargetError(f"the device runs model {held}, not {model_id}: flash it again")
    answers, times_us = [], []
    for done, sample in enumerate(inputs, start=1):
        device.load(sample.tobytes())
        times_us.append(device.infer(runs, warmup, inference_timeout_s * (runs + warmup)) / runs)
        answers.append(device.output())
        if progress:
            progress(done, len(inputs))
    inference_us = None if clock == "stopped" else _frozen(np.array(times_us))
    network = device.profile()[1]
    return Run(device.name(), network, held, _frozen(np.stack(answers)), inference_us, runs, clock)


def outputs(
    start: Start, image: FirmwareImage, board: Board, inputs: Int8, progress: Callable[[int, int], None] | None = None
) -> Int8:
    """The firmware's raw outputs `[samples, output_bytes]`, at the emulator's full speed."""
    with closing(start(image, board)) as link:
        model_id = image.model_sha256[:16]
        return run(link, inputs, clock=link.clock, model_id=model_id, progress=progress).outputs


@dataclass(frozen=True, slots=True)
class Inference:
    """One sample's raw output `[output_bytes]`, and its profile where the emulator counts."""

    output: Int8
    profile: Profile | None


def each(start: Start, image: FirmwareImage, board: Board, inputs: Int8, *, metered: bool) -> list[Inference]:
    """Runs `inputs` `[samples, ...]` one by one on one boot, with a profile of each inference where `metered`."""
    with closing(start(image, board, profile=metered)) as link:
        inferences = []
        for sample in inputs:
            done = run(link, sample.reshape(1, -1), clock=link.clock, model_id=image.model_sha256[:16])
            inferences.append(Inference(done.outputs[0], link.profile() if metered else None))
        return inferences


def profile(start: Start, image: FirmwareImage, board: Board, sample: Int8) -> Profile:
    """Instructions and modelled cycles of one inference on `sample`, of any shape."""
    with closing(start(image, board, profile=True)) as link:
        run(link, sample.reshape(1, -1), clock=link.clock)
        return link.profile()


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array
