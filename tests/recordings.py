"""Recordings made here: .wav files of any kind, and a small folder in the layout of Speech Commands."""

import wave
from pathlib import Path

import numpy as np

from tinyprune.training import speech_commands


def write_wav(path: Path, pcm: np.ndarray, rate_hz: int = 16_000, channels: int = 1, sample_bytes: int = 2) -> str:
    """`pcm` as it is, whatever the header says of it; returns the path as a command line takes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as recording:
        recording.setparams((channels, sample_bytes, rate_hz, 0, "NONE", ""))
        recording.writeframes(pcm.astype("<i2").tobytes())
    return str(path)


def write(folder: Path) -> None:
    """Each word a tone of its own; speakers 00000001 and 00000000 belong to training and validation."""
    time_s, rng = np.arange(16_000) / 16_000, np.random.default_rng(0)
    for number, word in enumerate((*speech_commands.COMMANDS, "cat")):
        for speaker in ("00000001", "00000000"):
            for take in range(3):
                tone = np.sin(2 * np.pi * 200 * (number + 1) * time_s) * 9_000 + rng.normal(scale=300, size=16_000)
                write_wav(folder / word / f"{speaker}_nohash_{take}.wav", tone)
    noise = rng.integers(-9_000, 9_000, 25 * 16_000, dtype=np.int16)
    write_wav(folder / speech_commands.NOISE_FOLDER / "noise.wav", noise)
