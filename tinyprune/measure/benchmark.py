"""Link + inputs → Outcome: loads each input, runs the network through the protocol, reads the raw output.

Where only the network is compared, inputs go straight into the memory of an emulator that lets them: on the emulated
serial line they would take most of the time. All else, and every output, comes through the protocol.

A board on a cable fails in ways that an emulator does not: noise on the line, a reset, a pulled plug. An input whose
answer was lost is sent again; what cannot be saved ends the run, with all inferences up to there.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from tinyprune.device.boards import Board
from tinyprune.device.emulators import Emulator, HasMemory, Profile, Start
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock, Device
from tinyprune.errors import DataError, Disconnected, Restarted, TargetError, UsageError, WrongModel
from tinyprune.progress import CountProgress

Int8 = npt.NDArray[np.int8]
Array = TypeVar("Array", bound=npt.NDArray[Any])
#: Opens the line to the firmware; called again after a disconnection.
Open = Callable[[], Emulator]
#: What ends a run before its last input.
Failure: TypeAlias = TargetError | KeyboardInterrupt

#: The firmware's variables that hold an input and say how much of it is there (firmware_templates/app/protocol.h).
INPUT, LOADED_BYTES = "tp_device_input", "tp_device_loaded_bytes"
MODEL_ID_CHARACTERS = 16
TRIES = 4
RECONNECT_TIMEOUT_S = 15.0
_REOPEN_PAUSE_S = 0.2
_PATIENCE = 20.0  # times the slowest inference so far
_LEAST_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall run. `inputs` `[samples, ...]`; `expected`, where it is known, `[samples, output_bytes]`."""

    inputs: Int8
    model_id: str | None = None
    expected: Int8 | None = None
    runs: int = 1  # timed inferences of each input
    warmup: int = 0  # untimed ones before the first input, and after a restart
    metered: bool = False  # with a profile of each input's last inference
    inference_timeout_s: float = 60.0  # until one has been timed; then by how long that took
    reconnect_timeout_s: float | None = None  # None: RECONNECT_TIMEOUT_S
    board: str | None = None  # for which the firmware must have been built, if it says so
    stateful: bool = False  # whether each inference depends on those before it, back to a reset before the first input
    direct: bool = False  # whether inputs may skip the line where the emulator's memory can be written

    def __post_init__(self) -> None:
        if self.inputs.ndim < 2 or self.inputs.dtype != np.int8 or self.inputs.size == 0:
            raise DataError(f"inputs must be int8 [samples, ...], not {self.inputs.dtype} {list(self.inputs.shape)}")


@dataclass(frozen=True, slots=True)
class Inference:
    """One input's raw output `[output_bytes]`; the time by the device's clock, mean of all runs; its profile."""

    output: Int8
    time_us: float | None  # None: the clock stands still
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`inferences` of the first inputs, all of them unless there is a `failure`."""

    device: str
    network: str
    model_id: str
    clock: Clock
    inferences: tuple[Inference, ...]
    repeated: int = 0  # inputs sent again because the line was bad
    restarts: int = 0
    reconnections: int = 0
    failure: Failure | None = None

    @property
    def outputs(self) -> Int8:
        """`[inferences, output_bytes]`"""
        return _frozen(np.stack([inference.output for inference in self.inferences]))


def told(failure: Failure | None) -> str | None:
    """In words, for reports."""
    if failure is None:
        return None
    return "interrupted" if isinstance(failure, KeyboardInterrupt) else str(failure)


def measure(open_line: Open, plan: Plan, progress: CountProgress | None = None) -> Outcome:
    """Runs every input. Raises TargetError if no firmware answers, or one with another model; later failures are told
    in the outcome, together with what was done before."""
    run = _Run(open_line, plan)
    inferences: list[Inference] = []
    failure: Failure | None = None
    try:
        device, network, model_id = run.greet()
        try:
            for done, sample in enumerate(plan.inputs, start=1):
                inferences.append(run.infer(done - 1, sample.tobytes()))
                if progress:
                    progress(done, len(plan.inputs))
        except (TargetError, KeyboardInterrupt) as error:
            failure = error
        counts = (run.repeated, run.restarts, run.reconnections)
        return Outcome(device, network, model_id, run.link.clock, tuple(inferences), *counts, failure)
    finally:
        run.link.close()


def greet(device: Device, model_id: str | None, board: str | None) -> tuple[str, str, str]:
    """(device, network, model id) of the firmware that answers. Raises TargetError where none does, WrongModel for
    another `model_id` or `board`."""
    device.connect()
    held = device.model_id()
    if model_id is not None and held != model_id and (held := device.model_id()) != model_id:  # not by noise
        raise WrongModel(f"the device runs model {held}, not {model_id} of this build: `tinyprune flash` it")
    built = device.board()
    if None not in (built, board) and built != board and (built := device.board()) != board:
        raise WrongModel(f"the device runs firmware for {built}, not for {board}: `tinyprune flash` it")
    return device.name(), device.profile()[1], held


def write_input(link: HasMemory, data: bytes) -> None:
    """Does to the firmware what `db load` and all of its `db` would."""
    link.write_memory(INPUT, data)
    link.write_memory(LOADED_BYTES, len(data).to_bytes(4, "little"))


class _Run:
    """The line while it is used, and how often it had to be mended."""

    def __init__(self, open_line: Open, plan: Plan) -> None:
        self.repeated = self.restarts = self.reconnections = 0
        self._open_line, self._plan = open_line, plan
        self._cold = True
        self._slowest_s: float | None = None  # of one inference, by this computer's clock
        self.link = open_line()
        self._device = Device(self.link)

    def greet(self) -> tuple[str, str, str]:
        return greet(self._device, self._plan.model_id, self._plan.board)

    def infer(self, number: int, data: bytes) -> Inference:
        """One input, again where an answer was lost on the way."""
        last: TargetError | None = None
        for _ in range(TRIES):
            try:
                if last is not None:
                    self.greet()
                if self._plan.stateful and (number == 0 or last is not None):
                    self._begin_again(number)
                return self._once(number, data)
            except WrongModel:
                raise
            except TargetError as error:
                last = error
            self._mend(last)
        raise TargetError(f"input {number}: given up after {TRIES} tries; the last one: {last}")

    def _begin_again(self, number: int) -> None:
        """Brings a network that remembers to where input `number` finds it: warm, reset, past all earlier inputs."""
        plan, device = self._plan, self._device
        if plan.warmup:
            self._load(plan.inputs[0].tobytes())
            self._infer(plan.warmup, 0)
        device.reset()
        for earlier in plan.inputs[:number]:
            self._load(earlier.tobytes())
            self._infer(plan.runs, 0)

    def _once(self, number: int, data: bytes) -> Inference:
        plan, device = self._plan, self._device
        self._load(data)
        warmup = plan.warmup if self._cold and not plan.stateful else 0
        total_us = self._infer(plan.runs, warmup)
        output = device.output()
        if plan.expected is not None and not np.array_equal(output, plan.expected[number]):
            self._suspect_the_line(data, output)
        self._cold = False
        time_us = None if self.link.clock == "stopped" else total_us / plan.runs
        return Inference(_frozen(output), time_us, self.link.profile() if plan.metered else None)

    def _load(self, data: bytes) -> None:
        """Through the protocol, or past it."""
        if self._plan.direct and isinstance(self.link, HasMemory):
            write_input(self.link, data)
        else:
            self._device.load(data)

    def _infer(self, runs: int, warmup: int) -> int:
        """Microseconds by the device's clock. A lost answer is not waited for much longer than the others took."""
        known_s = self._slowest_s
        each_s = self._plan.inference_timeout_s if known_s is None else _PATIENCE * known_s
        started_s = time.monotonic()
        total_us = self._device.infer(runs, warmup, max(_LEAST_TIMEOUT_S, each_s * (runs + warmup)))
        self._slowest_s = max(known_s or 0.0, (time.monotonic() - started_s) / (runs + warmup))
        return total_us

    def _suspect_the_line(self, data: bytes, output: Int8) -> None:
        """A wrong output is the firmware's only if the input arrived as it was sent and the answer as it was given."""
        if self._device.stored_input() != data or not np.array_equal(self._device.output(), output):
            raise TargetError("bytes were lost or changed on the line")

    def _mend(self, error: TargetError) -> None:
        """Counts what happened, and opens the line again if it is closed."""
        self._cold = self._cold or isinstance(error, Disconnected | Restarted)
        if isinstance(error, Disconnected):
            self.reconnections += 1
            self._reopen(error)
        elif isinstance(error, Restarted):
            self.restarts += 1
        else:
            self.repeated += 1

    def _reopen(self, reason: Disconnected) -> None:
        self.link.close()
        given = self._plan.reconnect_timeout_s
        timeout_s = RECONNECT_TIMEOUT_S if given is None else given
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.link = self._open_line()
                self._device = Device(self.link)
                return
            except (UsageError, TargetError) as error:
                if time.monotonic() >= deadline:
                    waited = f"it did not come back within {timeout_s:g} s"
                    raise TargetError(f"{reason}; {waited}: {error}") from None
                time.sleep(_REOPEN_PAUSE_S)


def outputs(
    start: Start,
    image: FirmwareImage,
    board: Board,
    inputs: Int8,
    progress: CountProgress | None = None,
    *,
    stateful: bool = False,
) -> Int8:
    """The firmware's raw outputs `[samples, output_bytes]`, at the emulator's full speed. Raises TargetError."""
    plan = Plan(inputs, image.model_sha256[:MODEL_ID_CHARACTERS], stateful=stateful, direct=True)
    return _whole(measure(lambda: start(image, board), plan, progress)).outputs


def profile(start: Start, image: FirmwareImage, board: Board, sample: Int8) -> Profile:
    """Instructions and modelled cycles of one inference on `sample`, of any shape. Raises TargetError."""
    plan = Plan(sample.reshape(1, -1), metered=True, direct=True)
    found = _whole(measure(lambda: start(image, board, profile=True), plan)).inferences[0].profile
    assert found is not None
    return found


def _whole(outcome: Outcome) -> Outcome:
    if outcome.failure is not None:
        raise outcome.failure
    return outcome


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array
