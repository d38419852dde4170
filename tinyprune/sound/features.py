"""The audio features of MLPerf Tiny keyword spotting: ten MFCC for each of 49 frames of one second, in NumPy.

Benchmark: Banbury et al., "MLPerf Tiny Benchmark", arXiv:2106.07597; the constants are those of its training code
(github.com/mlcommons/tiny, benchmark/training/keyword_spotting). The steps:

1. a clip is divided by its largest sample (the signed maximum, as the benchmark does it) and padded to one second;
2. frames of 30 ms every 20 ms, periodic Hann window, magnitude of a 512-point FFT;
3. 40 triangular mel filters from 20 to 4000 Hz (HTK scale), logarithm with an offset of 1e-6;
4. DCT-II, scaled by 1 / sqrt(2 × 40), of which the first ten coefficients stay.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Float32 = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
CLIP_SAMPLES = 16_000
WINDOW_SAMPLES = 480
STRIDE_SAMPLES = 320
FFT_POINTS = 512
MEL_BANDS = 40
LOWEST_HZ = 20.0
HIGHEST_HZ = 4000.0
LOG_OFFSET = 1e-6
FRAMES = 1 + (CLIP_SAMPLES - WINDOW_SAMPLES) // STRIDE_SAMPLES
COEFFICIENTS = 10
FULL_SCALE = 32_768.0
#: Clips transformed at a time: bounds the memory of the frames, 49 × 480 floats each.
CHUNK_CLIPS = 256


def normalize(pcm: npt.NDArray[np.int16]) -> Float32:
    """Scale `[clips, samples]` so that each clip's largest is 1; a clip without a positive sample keeps its level."""
    audio = pcm.astype(np.float32)
    largest = audio.max(axis=-1, keepdims=True)
    return np.divide(audio, np.where(largest > 0, largest, FULL_SCALE), dtype=np.float32)


def mfcc(audio: Float32) -> Float32:
    """Normalized audio `[clips, 16000 samples]` → `[clips, 49 frames, 10 coefficients]`."""
    if audio.ndim != 2 or audio.shape[1] != CLIP_SAMPLES:
        raise ValueError(f"audio has shape {audio.shape}; expected [clips, {CLIP_SAMPLES}]")
    result = np.empty((len(audio), FRAMES, COEFFICIENTS), dtype=np.float32)
    for start in range(0, len(audio), CHUNK_CLIPS):
        chunk = slice(start, start + CHUNK_CLIPS)
        result[chunk] = _mfcc_chunk(audio[chunk])
    return result


def _mfcc_chunk(audio: Float32) -> Float32:
    frames = sliding_window_view(audio, WINDOW_SAMPLES, axis=1)[:, ::STRIDE_SAMPLES]
    magnitude = np.abs(np.fft.rfft(frames * _hann_window(), n=FFT_POINTS)).astype(np.float32)
    log_mel = np.log(magnitude @ _mel_filters() + np.float32(LOG_OFFSET))
    return np.asarray(log_mel @ _cosines(), dtype=np.float32)


@cache
def _hann_window() -> Float32:
    """Periodic Hann window `[samples]`."""
    phase = 2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


def _mel(frequency_hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(frequency_hz / 700.0))


@cache
def _mel_filters() -> Float32:
    """Triangles, linear on the mel scale: `[FFT bins, mel bands]`; the constant term (bin 0) is left out."""
    bins = _mel(np.linspace(0.0, SAMPLE_RATE_HZ / 2, FFT_POINTS // 2 + 1))[:, None]
    lowest, highest = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = np.linspace(lowest, highest, MEL_BANDS + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[0] = 0.0
    return np.asarray(filters, dtype=np.float32)


@cache
def _cosines() -> Float32:
    """The scaled DCT-II as a matrix `[mel bands, coefficients]`."""
    phase = np.pi / MEL_BANDS * (np.arange(MEL_BANDS)[:, None] + 0.5) * np.arange(COEFFICIENTS)
    return np.asarray(2.0 * np.cos(phase) / np.sqrt(2.0 * MEL_BANDS), dtype=np.float32)
