"""A small folder in the layout of Speech Commands."""

from pathlib import Path

import numpy as np
import soundfile

from tinyprune.training import speech_commands


def write(folder: Path) -> None:
    """Each word a tone of its own; speakers 00000001 and 00000000 belong to training and validation."""
    time_s, rng = np.arange(16_000) / 16_000, np.random.default_rng(0)
    for number, word in enumerate((*speech_commands.COMMANDS, "cat")):
        (folder / word).mkdir(parents=True)
        for speaker in ("00000001", "00000000"):
            for take in range(3):
                tone = np.sin(2 * np.pi * 200 * (number + 1) * time_s) * 9_000 + rng.normal(scale=300, size=16_000)
                soundfile.write(folder / word / f"{speaker}_nohash_{take}.wav", tone.astype(np.int16), 16_000)
    (folder / speech_commands.NOISE_FOLDER).mkdir()
    noise = rng.integers(-9_000, 9_000, 25 * 16_000, dtype=np.int16)
    soundfile.write(folder / speech_commands.NOISE_FOLDER / "noise.wav", noise, 16_000)
