"""Lets a firmware hear samples: the PC's side of the `audio` commands, firmware_templates/audio/tp_listener.h."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyprune.device.emulators import HasMicrophone
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError, printable

Int16 = npt.NDArray[np.int16]

_SCORE, _NUMBER = r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?", r"[0-9]{1,20}"
#: The label of a recording in which none was heard.
NO_WORD = "no word"
#: Of a recording by the board, and how long it may take to listen and to send it: 7.5 s at 115200 baud.
RECORDED_SAMPLES, RECORDING_TIMEOUT_S = 32_160, 30.0
SAMPLES_A_LINE = 27  # "audio " and 72 characters of base64: what fits the protocol's 80 in whole groups


@dataclass(frozen=True, slots=True)
class Heard:
    """A word that the detector reported: mean score, and seconds of samples before it was heard."""

    label: str
    score: float
    time_s: float


@dataclass(frozen=True, slots=True)
class Spent:
    """How often a part of the front end ran since the start, and microseconds in all, by the device's clock."""

    times: int
    time_us: int


@dataclass(frozen=True, slots=True)
class Clip:
    """What the firmware made of a recording: the class of its last second, and words on the way."""

    label: str
    score: float
    heard: tuple[Heard, ...]
    frames: Spent
    features: Spent
    network: Spent


def labels(device: Device) -> tuple[str, ...]:
    """Names of the classes. Raises TargetError where the firmware has no ears."""
    try:
        said = _only(device.command("audio labels"), r"m-audio-labels-\[(.*)\]", "audio labels")[0]
        return tuple(printable(label) for label in said.split(","))
    except TargetError as error:
        if "Unknown command" in str(error):
            raise TargetError("this firmware cannot hear; build it with --audio and flash it again") from None
        raise


def hear(device: Device, samples: Int16, timeout_s: float = 60.0) -> Clip:
    """Sends 16 kHz `samples` of any length; one that is shorter than a second is followed by silence."""
    device.command("audio start")
    heard: list[Heard] = []
    for start in range(0, len(samples), SAMPLES_A_LINE):
        piece = samples[start : start + SAMPLES_A_LINE].astype("<i2").tobytes()
        heard += map(_heard, device.command(f"audio {base64.b64encode(piece).decode()}", timeout_s))
    lines = device.command("audio end", timeout_s)
    label, score = _only(lines, rf"m-audio-class-\[(.*),({_SCORE})\]", "audio end")
    spent = [_spent(lines, part) for part in ("frames", "features", "network")]
    return Clip(printable(label), float(score), tuple(heard), *spent)


def hear_live(device: Device, chip: HasMicrophone, samples: Int16) -> Clip:
    """The same through the emulated chip's microphone, in buffers as the firmware makes them: the class of the first
    word that is heard. Raises TargetError where the firmware does not listen, or lost samples."""
    device.command("audio live")
    chip.hear(samples.tolist())
    said = device.command("name")  # what it has said by itself comes before the answer
    lines = [line for line in said if not line.startswith("m-name-dut-")]
    if any(line.startswith("e-") for line in lines):
        raise TargetError(f"the firmware says {printable(' / '.join(lines), 400)}")
    heard = tuple(map(_heard, lines))
    first = (heard[0].label, heard[0].score) if heard else (NO_WORD, 0.0)
    return Clip(*first, heard, *3 * (Spent(0, 0),))


def record(device: Device, speak: Callable[[], None] | None = None) -> Int16:
    """RECORDED_SAMPLES of what the board's own microphone hears from now on; `speak` is called when it listens.

    Raises TargetError where the firmware has no microphone, lost samples, or has too little RAM.
    """
    try:
        device.command("audio record")
    except TargetError as error:
        if "RAM" in str(error):
            raise
        raise TargetError(f"this firmware records nothing; build it with --audio for nano33sense ({error})") from None
    if speak is not None:
        speak()
    lines = device.said("m-audio-recorded", RECORDING_TIMEOUT_S)
    text = [_only([line], r"m-audio-pcm-\[([A-Za-z0-9+/]+)\]", "audio record")[0] for line in lines]
    pcm = np.frombuffer(b"".join(map(base64.b64decode, text)), "<i2").astype(np.int16)
    if len(pcm) != RECORDED_SAMPLES:
        raise TargetError(f"the device sent {len(pcm):,} samples of {RECORDED_SAMPLES:,}; record it again")
    return pcm


def _heard(line: str) -> Heard:
    label, score, time_ms = _only([line], rf"m-audio-heard-\[(.*),({_SCORE}),({_NUMBER})\]", "audio …")
    return Heard(printable(label), float(score), int(time_ms) / 1000)


def _spent(lines: list[str], part: str) -> Spent:
    times, time_us = _only(lines, rf"m-audio-{part}-\[({_NUMBER}),({_NUMBER})\]", "audio end")
    return Spent(int(times), int(time_us))


def _only(lines: list[str], pattern: str, command: str) -> tuple[str, ...]:
    found = [match.groups() for match in map(re.compile(pattern).fullmatch, lines) if match]
    if len(found) != 1:
        raise TargetError(
            f'the device answered "{command}" with {printable(" / ".join(lines) or "nothing", 400)}; expected {pattern}'
        )
    return tuple(found[0])
