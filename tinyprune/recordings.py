"""Recordings on disk: which files are meant, their samples, and the one second that a network takes of them."""

import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyprune.errors import DataError, UsageError
from tinyprune.features import CLIP_SAMPLES, SAMPLE_RATE_HZ

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    name: str
    pcm: Int16
    """`[samples]` at 16 kHz."""
    word: str | None
    """What is said there, if its folder's name is a label."""


def read(paths: Iterable[Path], labels: Iterable[str], limit: int | None = None) -> list[Recording]:
    """The .wav files of `paths`, and those in the class folders of folders; at most `limit`, spread evenly.

    Raises UsageError where there are none, DataError about a file that is no 16 kHz mono recording.
    """
    known = frozenset(labels)
    files = [file for path in paths for file in _files(path, known)]
    if not files:
        raise UsageError(f"no .wav among {', '.join(map(str, paths))}, nor in folders named {', '.join(sorted(known))}")
    if limit is not None and limit < len(files):
        files = [files[int(i)] for i in np.linspace(0, len(files) - 1, limit)]
    words = ((file, file.resolve().parent.name) for file in files)
    return [Recording(str(file), read_wav(file), word if word in known else None) for file, word in words]


def _files(path: Path, labels: frozenset[str]) -> list[Path]:
    """A file itself; of a folder its recordings, and those of its folders that bear a label."""
    if not path.is_dir():
        return [path]
    folders = [path, *(entry for entry in sorted(path.iterdir()) if entry.is_dir() and entry.name in labels)]
    return [file for folder in folders for file in sorted(folder.glob("*.wav"))]


def read_wav(path: Path) -> Int16:
    """`[samples]` of a recording of any length: PCM, 16 bits, 16 kHz, one channel."""
    try:
        with wave.open(str(path), "rb") as recording:
            form = (recording.getnchannels(), 8 * recording.getsampwidth(), recording.getframerate())
            data = recording.readframes(recording.getnframes())
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, EOFError, wave.Error) as error:
        raise DataError(f"{path}: cannot be read as a PCM .wav: {error or 'it ends too early'}") from None
    if form != (1, 16, SAMPLE_RATE_HZ):
        channels = "1 channel" if form[0] == 1 else f"{form[0]} channels"
        raise DataError(
            f"{path}: {channels} of {form[1]} bits at {form[2]:,} Hz; the network hears 1 channel of 16 bits at "
            f"{SAMPLE_RATE_HZ:,} Hz: `ffmpeg -i {path.name} -ac 1 -ar {SAMPLE_RATE_HZ} -sample_fmt s16 out.wav`"
        )
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)


def one_second(pcm: Int16) -> Int16:
    """`[samples]` of any number → `[CLIP_SAMPLES]`: a short recording is padded with zeros, a long one cut."""
    return np.pad(pcm[:CLIP_SAMPLES], (0, max(0, CLIP_SAMPLES - len(pcm))))
