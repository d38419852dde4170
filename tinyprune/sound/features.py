"""What a network hears of a second of sound: the front ends, as data, and what they do, in NumPy.

All take 49 frames of 30 ms every 20 ms (periodic Hann window, magnitude of a 512-point FFT), triangular mel filters on
the HTK scale, and the logarithm with an offset.

`mfcc10` is the front end of MLPerf Tiny's keyword spotting: Banbury et al., "MLPerf Tiny Benchmark", arXiv:2106.07597;
the constants are those of its training code (github.com/mlcommons/tiny, benchmark/training/keyword_spotting). A clip is
first divided by its largest sample (the signed maximum, as the benchmark does it); a DCT-II, scaled by
1 / sqrt(2 × 40), follows, of which the first ten coefficients stay.

`logmel40` has the bands themselves, up to 7600 Hz, of sound as loud as it is. A frame depends on nothing but its own
samples, so firmware makes each once, when it is over. The offset is what noise of three units of the least bit has in a
band: sound that is fainter is silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from tinyprune.errors import UsageError

Float32 = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
CLIP_SAMPLES = 16_000
WINDOW_SAMPLES = 480
STRIDE_SAMPLES = 320
FFT_POINTS = 512
FRAMES = 1 + (CLIP_SAMPLES - WINDOW_SAMPLES) // STRIDE_SAMPLES
FULL_SCALE = 32_768.0
#: Clips transformed at a time: bounds the memory of the frames, 49 × 480 floats each.
CHUNK_CLIPS = 256


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """How samples become features `[frames, width]`."""

    name: str
    title: str
    """As sentences have it."""
    highest_hz: float
    log_offset: float
    divides_by_peak: bool
    """Whether a second is divided by its largest sample; otherwise by full scale."""
    coefficients: int | None = None
    """So many of a cosine transform of the bands; None: the bands themselves."""
    bands: int = 40
    lowest_hz: float = 20.0

    @property
    def width(self) -> int:
        return self.coefficients or self.bands

    @property
    def shape(self) -> tuple[int, int]:
        return FRAMES, self.width

    def of(self, pcm: npt.NDArray[np.int16]) -> Float32:
        """Samples `[clips, 16000]` as recorded → features `[clips, frames, width]`."""
        return self.transform(self.levelled(pcm))

    def levelled(self, pcm: npt.NDArray[np.int16]) -> Float32:
        """Samples as `transform` takes them."""
        return normalize(pcm) if self.divides_by_peak else pcm.astype(np.float32) / np.float32(FULL_SCALE)

    def transform(self, audio: Float32) -> Float32:
        """Sound at the level that `levelled` gives, `[clips, 16000 samples]` → features `[clips, frames, width]`."""
        if audio.ndim != 2 or audio.shape[1] != CLIP_SAMPLES:
            raise ValueError(f"audio has shape {audio.shape}; expected [clips, {CLIP_SAMPLES}]")
        result = np.empty((len(audio), *self.shape), dtype=np.float32)
        for start in range(0, len(audio), CHUNK_CLIPS):
            chunk = slice(start, start + CHUNK_CLIPS)
            result[chunk] = self._chunk(audio[chunk])
        return result

    def _chunk(self, audio: Float32) -> Float32:
        frames = sliding_window_view(audio, WINDOW_SAMPLES, axis=1)[:, ::STRIDE_SAMPLES]
        magnitude = np.abs(np.fft.rfft(frames * _hann_window(), n=FFT_POINTS)).astype(np.float32)
        log_mel = np.log(magnitude @ mel_filters(self) + np.float32(self.log_offset))
        return np.asarray(log_mel if self.coefficients is None else log_mel @ _cosines(self), dtype=np.float32)


MFCC10 = FrontEnd("mfcc10", "10 MFCC", 4000.0, 1e-6, divides_by_peak=True, coefficients=10)
LOGMEL40 = FrontEnd("logmel40", "40 log-mel bands", 7600.0, 1e-3, divides_by_peak=False)
FRONT_ENDS = {each.name: each for each in (MFCC10, LOGMEL40)}


def front_end_for(shape: Sequence[int]) -> FrontEnd:
    """The one that a network chooses by the shape of its input: `[frames, width]` beside axes of 1.

    Raises UsageError where there is none.
    """
    sizes = tuple(size for size in shape if size != 1)
    found = next((each for each in FRONT_ENDS.values() if each.shape == sizes), None)
    if found is None:
        known = " or ".join(f"{FRAMES} frames of {each.title}" for each in FRONT_ENDS.values())
        raise UsageError(f"to hear, a network has to take {known}; this one takes {'×'.join(map(str, shape))}")
    return found


def normalize(pcm: npt.NDArray[np.int16]) -> Float32:
    """Scale `[clips, samples]` so that each clip's largest is 1; a clip without a positive sample keeps its level."""
    audio = pcm.astype(np.float32)
    largest = audio.max(axis=-1, keepdims=True)
    return np.divide(audio, np.where(largest > 0, largest, FULL_SCALE), dtype=np.float32)


@cache
def _hann_window() -> Float32:
    """Periodic Hann window `[samples]`."""
    phase = 2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


def _mel(frequency_hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(frequency_hz / 700.0))


@cache
def mel_filters(front_end: FrontEnd) -> Float32:
    """Triangles, linear on the mel scale: `[FFT bins, mel bands]`; the constant term (bin 0) is left out."""
    bins = _mel(np.linspace(0.0, SAMPLE_RATE_HZ / 2, FFT_POINTS // 2 + 1))[:, None]
    lowest, highest = _mel(np.array([front_end.lowest_hz, front_end.highest_hz]))
    edges = np.linspace(lowest, highest, front_end.bands + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[0] = 0.0
    return np.asarray(filters, dtype=np.float32)


@cache
def _cosines(front_end: FrontEnd) -> Float32:
    """The scaled DCT-II as a matrix `[mel bands, coefficients]`."""
    bands = front_end.bands
    phase = np.pi / bands * (np.arange(bands)[:, None] + 0.5) * np.arange(front_end.width)
    return np.asarray(2.0 * np.cos(phase) / np.sqrt(2.0 * bands), dtype=np.float32)
