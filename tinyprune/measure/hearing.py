"""A trial of firmware that hears: one second of sound, its features beside Python's, and what the front end costs."""

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from tinyprune.compiler.graph import Activation, Int8
from tinyprune.device.boards import Board
from tinyprune.device.emulators import FunctionProfile, Profile, Start
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import ModelError, TargetError
from tinyprune.firmware.audio import FrontEnd, Rule, ear
from tinyprune.firmware.audio.ear import Int16
from tinyprune.sound import features

#: How far a feature may be from Python's, in units of the network's input: docs/audio.md.
TOLERANCE = 1
HOPS_A_SECOND = 50


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a part of the front end: instructions are counted, cycles modelled."""

    instructions: int
    modelled_cycles: int | None


@dataclass(frozen=True, slots=True)
class Chain:
    """From sound to words as a whole: front end, and the network at every look. Modelled, with ideal memory."""

    modelled_cycles_a_second: int
    core_percent: float
    """Of the board's clock."""
    look_ms: float
    """Features and network, from the last sample of a look on."""
    latency_ms: float
    """From the end of a word until it is told, at the latest: where all looks that are averaged come after it."""


@dataclass(frozen=True, slots=True)
class AudioTrial:
    """Parts are None where the emulator has no meter."""

    arithmetic: str
    labels: tuple[str, ...]
    features_compared: int
    features_equal: int
    largest_difference: int
    looks_a_second: float
    frame: Part | None
    """Window, transform and filters of 20 ms."""
    features: Part | None
    """What is left of 49 frames before the network looks: of MFCC, logarithms and cosine transforms."""
    modelled_cycles_a_second: int | None
    """Of the front end, for a second of sound: all frames and the features of all looks, without the network."""
    stack_bytes: int | None
    """The deepest while it heard and looked."""
    chain: Chain | None = None
    front_end: str = "mfcc10"
    """Its name in `sound/features.py`."""
    rule: Rule | None = None
    """When a word counts as heard; None in reports before it was told."""
    gain_db: float | None = None
    """Of the microphone, where the firmware takes the board's."""


def try_out(
    start: Start, image: FirmwareImage, board: Board, network_input: Activation, front_end: FrontEnd, *, metered: bool
) -> AudioTrial:
    """Raises ModelError where the features are not Python's, TargetError where the firmware misbehaves."""
    sound = second_of_sound()
    with closing(start(image, board, profile=metered)) as link:
        device = Device(link)
        device.connect()
        ear.hear(device, sound)
        found = _shown_input(device, network_input)
        profile = link.profile() if metered else None
    difference = np.abs(found.astype(int) - expected_features(sound, network_input))
    if difference.max() > TOLERANCE:
        raise ModelError(
            f"the firmware's audio features differ from Python's by up to {difference.max()}; please report this"
        )
    looks = HOPS_A_SECOND / front_end.rule.every_hops
    frame, transform = (_part(profile, name) for name in ("tp_audio_frame", "tp_audio_features"))
    return AudioTrial(
        arithmetic=front_end.tables.arithmetic,
        labels=front_end.labels,
        features_compared=difference.size,
        features_equal=int((difference == 0).sum()),
        largest_difference=int(difference.max()),
        looks_a_second=looks,
        frame=frame,
        features=transform,
        modelled_cycles_a_second=_cycles(frame, transform, looks),
        stack_bytes=profile.stack_bytes if profile else None,
        front_end=front_end.tables.front_end.name,
        rule=front_end.rule,
        gain_db=front_end.gain_db if board.microphone else None,
    )


def chain(trial: AudioTrial, rule: Rule, network_cycles: int | None, clock_hz: int) -> Chain | None:
    """None where cycles are not modelled."""
    front_end = trial.modelled_cycles_a_second
    look = None if trial.features is None else trial.features.modelled_cycles
    if front_end is None or look is None or network_cycles is None:
        return None
    cycles = round(front_end + trial.looks_a_second * network_cycles)
    look_ms = 1e3 * (look + network_cycles) / clock_hz
    latency_ms = 1e3 * rule.smoothed / trial.looks_a_second + look_ms
    return Chain(cycles, 100 * cycles / clock_hz, look_ms, latency_ms)


def second_of_sound() -> Int16:
    """Noise with the spectrum of speech, swelling and fading."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.normal(size=features.CLIP_SAMPLES)) / (1 + np.arange(8_001) / 600) ** 2
    loudness = np.interp(np.arange(16_000), np.linspace(0, 16_000, 12), rng.uniform(0, 1, 12) ** 4)
    sound = np.fft.irfft(spectrum) * loudness
    pcm = np.rint(8_000 * sound / np.abs(sound).max() + rng.normal(scale=1, size=features.CLIP_SAMPLES))
    return np.asarray(pcm, dtype=np.int16)


def expected_features(sound: Int16, network_input: Activation) -> Int8:
    """What features.py makes of a second, as the network takes it, flat."""
    real = features.front_end_for(network_input.shape).of(sound[None]).ravel().astype(np.float64)
    stored = np.rint(real / float(network_input.scale)) + network_input.zero_point
    return np.asarray(np.clip(stored, -128, 127), dtype=np.int8)


def _shown_input(device: Device, network_input: Activation) -> Int8:
    digits = "".join(line.removeprefix("m-buffer-").replace("-", "") for line in device.command("db print"))
    found = np.frombuffer(bytes.fromhex(digits), np.int8)
    if found.size != network_input.size_bytes:
        raise TargetError(f"the firmware shows {found.size} features; expected {network_input.size_bytes}")
    return found


def _part(profile: Profile | None, name: str) -> Part | None:
    if profile is None:
        return None
    found: FunctionProfile | None = next((each for each in profile.functions if each.name == name), None)
    if found is None:
        raise TargetError(f"the firmware never called {name}: there is nothing to profile")
    cycles = found.modelled_cycles
    return Part(round(found.instructions / found.calls), None if cycles is None else round(cycles / found.calls))


def _cycles(frame: Part | None, transform: Part | None, looks: float) -> int | None:
    if frame is None or transform is None or frame.modelled_cycles is None or transform.modelled_cycles is None:
        return None
    return round(HOPS_A_SECOND * frame.modelled_cycles + looks * transform.modelled_cycles)
