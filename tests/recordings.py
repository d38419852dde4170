"""Recordings made here: .wav files of any kind, and a small folder in the layout of Speech Commands."""

import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tinyprune.training import speech_commands

OWN_WORDS = {"high": 2_600, "low": 400, "other": 1_000}


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


def write_own(folder: Path, words: Mapping[str, int] = OWN_WORDS, takes: int = 3) -> None:
    """Words of one's own, each a tone of so many hertz, by six speakers."""
    time_s, rng = np.arange(16_000) / 16_000, np.random.default_rng(0)
    shape = np.clip(8 - abs(16 * time_s - 8), 0, 1)
    for word, hertz in words.items():
        for speaker in range(6):
            for take in range(takes):
                tone = np.sin(2 * np.pi * (hertz + 5 * speaker) * time_s) * shape * 9_000
                write_wav(folder / word / f"{speaker}" / f"{take}.wav", tone + rng.normal(scale=30, size=16_000))
