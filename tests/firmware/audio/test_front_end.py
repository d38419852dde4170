"""The C front ends against features.py: on sounds made here, and on real clips where TINYPRUNE_DATA names them.

Tolerance: int8 features differ by at most 1, float in fewer than 1 of 2,000 and fixed point in fewer than 1 of 200 on
recordings. Sums are ordered otherwise than in NumPy, so a value that lies between two integers may go the other way.
In fixed point a log-mel band that is 60 dB fainter than another of its frame shows the 16 bits of the transform's
factors: there 1 value in 10,000 may differ by up to 4.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.firmware.audio.native import SCALE, ZERO_POINT, Native, front_end, python_features
from tests.sound.test_features import sounds
from tinyprune.firmware.audio import Rule, tables
from tinyprune.sound import detector, features
from tinyprune.training import speech_commands

pytestmark = pytest.mark.compiler

#: Front end and arithmetic → the least share of equal features on recordings, and on the sounds made here.
EQUAL = {
    ("mfcc10", "float"): (0.9995, 0.9995),
    ("mfcc10", "fixed"): (0.995, 0.99),
    ("logmel40", "float"): (0.9995, 0.9995),
    ("logmel40", "fixed"): (0.995, 0.99),
}
#: Front end → scale and zero point of an input: the zoo's, and -7 to 7 as logarithms of bands have it.
QUANTIZATION = {"mfcc10": (SCALE, ZERO_POINT), "logmel40": (14 / 255, -1)}
Make = Callable[..., Native]
every_kind = pytest.mark.parametrize(("name", "arithmetic"), EQUAL, ids=map(" ".join, EQUAL))


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    built: dict[object, Native] = {}

    def made(name: str, arithmetic: tables.Arithmetic, rule: Rule | None = None) -> Native:
        key = (name, arithmetic, rule)
        if key not in built:
            made_of = front_end(arithmetic, rule, *QUANTIZATION[name], features.FRONT_ENDS[name])
            built[key] = Native(tmp_path_factory.mktemp(arithmetic), made_of)
        return built[key]

    return made


def recording_like(seed: int, level: float) -> np.ndarray:
    """A second of noise with the spectrum and the loud and quiet parts of speech, `[samples]`."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=16_000)) / (1 + np.arange(8_001) / 600) ** 2
    loudness = np.interp(np.arange(16_000), np.linspace(0, 16_000, 12), rng.uniform(0, 1, 12) ** 4)
    sound = np.fft.irfft(spectrum) * loudness
    return np.rint(level * sound / np.abs(sound).max() + rng.normal(scale=1, size=16_000)).astype(np.int16)


def expected_of(name: str, clips: np.ndarray) -> np.ndarray:
    return python_features(clips, *QUANTIZATION[name], features.FRONT_ENDS[name])


def check(native: Native, name: str, clips: np.ndarray, equal_at_least: float) -> None:
    ours = np.stack([native.of_clip(clip) for clip in clips]).astype(int)
    difference = np.abs(ours - expected_of(name, clips))
    assert difference.max() <= (4 if (name, native.made.tables.arithmetic) == ("logmel40", "fixed") else 1)
    assert (difference <= 1).mean() > 0.9999
    assert (difference == 0).mean() >= equal_at_least
    assert ours.std() > 5


@every_kind
def test_sounds(make: Make, name: str, arithmetic: tables.Arithmetic) -> None:
    speech = [recording_like(seed, 10 ** (1 + seed / 10)) for seed in range(35)]
    check(make(name, arithmetic), name, np.stack([*sounds(), *speech]), EQUAL[name, arithmetic][1])


@pytest.mark.data
@every_kind
def test_real_clips(make: Make, name: str, arithmetic: tables.Arithmetic) -> None:
    root = os.environ.get("TINYPRUNE_DATA")
    if not root:
        pytest.skip("TINYPRUNE_DATA names no folder of Speech Commands")
    clips, _ = speech_commands.evaluation_pcm(speech_commands.load(Path(root), "validation"))
    check(make(name, arithmetic), name, clips, EQUAL[name, arithmetic][0])


@every_kind
@pytest.mark.parametrize(
    "clip",
    [
        np.zeros(16_000),
        np.full(16_000, -1),
        np.full(16_000, 32_767),
        np.full(16_000, -32_768),
        np.where(np.arange(16_000) % 2, 32_767, -32_768),
        np.where(np.arange(16_000) // 8 % 2, 32_767, -32_768),
        np.where(np.arange(16_000) == 8_000, 1, -32_768),
    ],
    ids=["silence", "below zero", "constant", "lowest", "fastest", "square", "quotient of 32768"],
)
def test_extremes_overflow_nothing(make: Make, name: str, arithmetic: tables.Arithmetic, clip: np.ndarray) -> None:
    """In bands without energy the logarithm shows the rounding of the transform: only coefficient 0 of silence and
    what is as loud everywhere can be compared; the rest must be in range and repeatable."""
    pcm = clip.astype(np.int16)
    once, again = make(name, arithmetic).of_clip(pcm), make(name, arithmetic).of_clip(pcm)
    assert np.array_equal(once, again)
    assert (once == once[0]).mean() > 0.8  # the same sound in every frame but where it changes
    if not pcm.any():
        assert np.array_equal(once, expected_of(name, pcm[None])[0])


@every_kind
def test_features_are_those_of_the_last_second_whatever_the_pieces(
    make: Make, name: str, arithmetic: tables.Arithmetic
) -> None:
    native, rng = make(name, arithmetic), np.random.default_rng(3)
    stream = np.concatenate([recording_like(100, 3_000), recording_like(101, 300), recording_like(102, 20_000)])
    native.reset()
    position, seconds = 0, 0
    while position < len(stream):
        piece = stream[position : position + int(rng.integers(1, 700))]
        taken = native.push(np.ascontiguousarray(piece))
        assert 0 < taken <= len(piece)
        position += taken
        assert native.second_ends() == (position >= 16_000 and position % 320 == 0)
        if native.second_ends():
            seconds += 1
            last = stream[position - 16_000 : position]
            assert np.abs(native.features().astype(int) - expected_of(name, last[None])[0]).max() <= 1
    assert seconds == 101


@every_kind
def test_what_was_not_heard_yet_is_silence(make: Make, name: str, arithmetic: tables.Arithmetic) -> None:
    native, pcm = make(name, arithmetic), recording_like(5, 9_000)[:8_000]
    native.reset()
    rest = np.ascontiguousarray(pcm)
    while len(rest):
        rest = rest[native.push(rest) :]
    found = native.features().astype(int)
    expected = expected_of(name, np.pad(pcm, (8_000, 0))[None])[0].astype(int)
    whole = (8_000 - features.WINDOW_SAMPLES) // features.STRIDE_SAMPLES + 1
    assert np.abs(found[-whole:] - expected[-whole:]).max() <= 1
    assert np.abs(found[:-whole] - expected[0]).max() <= 1


every_front_end = pytest.mark.parametrize("kind", features.FRONT_ENDS.values(), ids=features.FRONT_ENDS)


@every_front_end
def test_the_weight_of_a_bin_makes_the_filters_of_the_features(kind: features.FrontEnd) -> None:
    position = tables.filter_positions(kind)
    rebuilt = np.zeros((len(position), kind.bands))
    for number, place in enumerate(position):
        interval, rising = int(place), place - int(place)
        if interval < kind.bands:
            rebuilt[number, interval] = rising
        if interval > 0:
            rebuilt[number, interval - 1] = 1 - rising
    wanted = features.mel_filters(kind)
    np.testing.assert_allclose(rebuilt, wanted[1 : len(position) + 1], atol=2e-6)
    assert not wanted[len(position) + 1 :].any()


@pytest.mark.parametrize("scale", [0.02, 0.3, SCALE, 1.7])
def test_fixed_point_sums_stay_in_32_bits(scale: float) -> None:
    made = tables.make(features.MFCC10, "fixed", scale, ZERO_POINT)
    rows = {table.name: table.values for table in made.arrays}
    pair = 2 * (max(tables.HIGHEST_LOG - tables.LOG_CENTRE, tables.LOG_CENTRE - np.log2(1e-6)) * 2**tables.LOG_BITS + 1)
    largest = np.abs(rows["cosines"]).max() * pair
    assert largest < 2**31
    sums = (np.abs(rows["cosines"]).sum(axis=1) * pair) / 2 ** int(made.constants["COSINE_SHIFT"])
    assert (sums + np.abs(rows["bias"])).max() < 2**31


@every_front_end
def test_fixed_point_filters_stay_in_32_bits(kind: features.FrontEnd) -> None:
    made = tables.make(kind, "fixed", SCALE, ZERO_POINT)
    rows = {table.name: table.values for table in made.arrays}
    # Σ of magnitudes of bins, by Cauchy and Schwarz and Parseval; frames have 21 bits
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(480) / 480)
    length = np.sqrt(features.FFT_POINTS / 2 * (window**2).sum()) * 2**21
    loudest = length * np.sqrt((features.mel_filters(kind) ** 2).sum(axis=0)).max()
    assert loudest < 2**31
    assert length * np.sqrt(rows["interval_bins"].max()) < 2**31
    if kind.coefficients is None:  # logarithms from the offset to the loudest, in units of full scale
        levels = np.abs(np.log2([kind.log_offset, 2 * loudest / 2**21])).max() * 2**tables.LOG_BITS
        for scale in (1e-6, 0.01, SCALE, 100.0):
            units = int(tables.make(kind, "fixed", scale, 0).constants["UNITS"])
            assert levels * units + 2**30 < 2**31


SILENCE, UNKNOWN, YES, NO = np.eye(4, dtype=int) * 255 - 128


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([SILENCE] * 20, []),
        ([UNKNOWN] * 20, []),
        ([SILENCE] * 5 + [YES] * 4 + [SILENCE] * 11, [(35, 2)]),  # two of three
        ([YES] * 20, [(15, 2), (65, 2)]),  # held off for a second
        ([SILENCE] * 4 + [YES] + [SILENCE] * 10, []),  # once is an accident
        ([SILENCE] * 4 + [YES] * 3 + [NO] * 9, [(30, 2), (80, 3)]),
    ],
)
def test_detection(looks: list[np.ndarray], expected: list[tuple[int, int]]) -> None:
    rule = Rule(every_hops=5, smoothed=3, threshold=0.6, holdoff_hops=50)
    made = front_end("float", rule)
    table = np.stack(looks).astype(np.int8)
    hops = [5 * (number + 1) for number in range(len(table))]
    assert detector.detect(table, hops, made.labels, rule, made.threshold_sum) == expected


@pytest.mark.parametrize("seed", range(8))
def test_the_detector_in_c_is_the_one_in_python(make: Make, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rule = Rule(smoothed=3, threshold=0.55, holdoff_hops=30)
    native = make("mfcc10", "float", rule)
    native.reset_detector()
    steps = np.repeat(rng.integers(0, 4, 60), 3)
    table = np.clip(rng.normal(-60, 60, (len(steps), 4)) + 120 * np.eye(4)[steps], -128, 127).astype(np.int8)
    hops = np.cumsum(rng.integers(3, 9, len(table))).tolist()
    heard = [(hop, native.detect(row, hop)) for row, hop in zip(table, hops, strict=True)]
    expected = detector.detect(table, hops, native.made.labels, rule, native.made.threshold_sum)
    assert [each for each in heard if each[1] >= 0] == expected
    assert expected
