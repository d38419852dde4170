"""Recordings on disk: which files are meant, their samples, and the one second that a network takes of them.

Speech Commands, benchmarks and boards take the one kind of .wav that needs no conversion (`read_wav`); recordings that
users bring for training are of any kind (`read_sound`).
"""

import os
import shlex
import wave
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyprune import files
from tinyprune.errors import DataError, MissingDependency, UsageError
from tinyprune.sound.features import CLIP_SAMPLES, SAMPLE_RATE_HZ

Int16 = npt.NDArray[np.int16]
_T = TypeVar("_T")

#: Files that `read_sound` takes.
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
#: Labels that are no words; folders and networks write them with underscores or without.
NO_WORDS = ("silence", "unknown")
FULL_SCALE = 32_767
#: A sample as near to full scale as this counts as clipped.
_CLIPPED = 0.999
_RATES_HZ = (8_000, 192_000)
_MOST_VALUES = 2**28
#: Files that a sentence names.
_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    name: str
    pcm: Int16
    """`[samples]` at 16 kHz."""
    word: str | None
    """What is said there, if its folder's name is a label."""
    kind: str = ""
    """Of a stream, the folder that it is in."""


def read(paths: Iterable[Path], labels: Iterable[str], limit: int | None = None) -> list[Recording]:
    """The .wav files of `paths`, and those in the class folders of folders; at most `limit`, spread evenly.

    Raises UsageError where there are none, DataError about a file that is no 16 kHz mono recording.
    """
    known = frozenset(labels)
    files = [file for path in paths for file in _files(path, known)]
    if not files:
        raise UsageError(f"no .wav among {', '.join(map(str, paths))}, nor in folders named {', '.join(sorted(known))}")
    chosen = spread(files, limit)
    return [
        Recording(str(file), pcm, label_of(folder_name(file), known))
        for file, pcm in zip(chosen, _all_of(chosen, read_wav), strict=True)
    ]


def spread(things: Sequence[_T], limit: int | None) -> list[_T]:
    """At most so many of them, evenly spread."""
    if limit is None or limit >= len(things):
        return list(things)
    return [things[int(i)] for i in np.linspace(0, len(things) - 1, limit)]


def read_streams(paths: Iterable[Path], labels: Iterable[str]) -> list[Recording]:
    """Recordings of any kind and length: files, and all that is in folders, whose sub folders are kinds of sound.

    Raises UsageError where there are none, DataError about a file that cannot be read.
    """
    known = frozenset(labels)
    found = [(path, file) for path in paths for file in (recordings_in(path) if path.is_dir() else [path])]
    if not found:
        raise UsageError(f"no recordings ({', '.join(SUFFIXES)}) in {', '.join(map(str, paths))}")
    samples = _all_of([file for _, file in found], lambda file: read_sound(file).pcm)
    streams = []
    for (path, file), pcm in zip(found, samples, strict=True):
        inside = file.relative_to(path).parts
        kind = inside[0] if len(inside) > 1 else folder_name(file)
        streams.append(Recording(str(file), pcm, label_of(kind, known), kind))
    return streams


def recordings_in(folder: Path) -> list[Path]:
    """All files of SUFFIXES in a folder and the folders in it, by name; links to folders are followed a step deep."""
    entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
    files = [file for entry in entries for file in (sorted(entry.rglob("*")) if entry.is_dir() else [entry])]
    return [file for file in files if file.suffix.lower() in SUFFIXES and file.is_file() and file.name[0] != "."]


def folder_name(file: Path) -> str:
    """The name of a file's folder as it is written, be it a link to another."""
    return os.path.basename(os.path.dirname(os.path.abspath(file)))  # noqa: PTH100, PTH119, PTH120 (not resolved)


def label_of(name: str, labels: Collection[str]) -> str | None:
    """The label that a folder's name is; `_silence_` is `silence` too, and the other way round."""
    bare = name.strip("_")
    ways = (name, bare, f"_{bare}_") if bare in NO_WORDS else (name,)
    return next((way for way in ways if way in labels), None)


def _files(path: Path, labels: frozenset[str]) -> list[Path]:
    """A file itself; of a folder its recordings, and those of its folders that bear a label."""
    if not path.is_dir():
        return [path]
    named = (entry for entry in sorted(path.iterdir()) if entry.is_dir() and label_of(entry.name, labels))
    return [file for folder in (path, *named) for file in sorted(folder.glob("*.wav"))]


def _all_of(paths: Sequence[Path], reader: Callable[[Path], Int16]) -> list[Int16]:
    """Their samples. Raises DataError that says what is wrong with the first bad file, and names the others."""
    found: list[Int16] = []
    wrong: dict[Path, DataError] = {}
    for path in paths:
        try:
            found.append(_not_empty(path, reader(path)))
        except DataError as error:
            wrong[path] = error
    if wrong:
        first, *others = wrong
        named = ", ".join(map(str, others[:_NAMED])) + (", …" if len(others) > _NAMED else "")
        more = f"; {len(others)} more cannot be taken either: {named}" if others else ""
        raise DataError(f"{wrong[first]}{more}")
    return found


def _not_empty(path: Path, pcm: Int16) -> Int16:
    if not len(pcm):
        raise DataError(f"{path}: the recording is empty; remove the file")
    return pcm


def read_wav(path: Path) -> Int16:
    """`[samples]` of a recording of any length: PCM, 16 bits, 16 kHz, one channel."""
    files.require(path, f"{path}: no such file")
    try:
        with wave.open(str(path), "rb") as recording:
            form = (recording.getnchannels(), 8 * recording.getsampwidth(), recording.getframerate())
            data = recording.readframes(recording.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        said = str(error) or ("it ends too early" if path.stat().st_size else "the file is empty")
        advice = f"; {_advice(path)} makes one of it" if "unknown format" in said else ""
        raise DataError(f"{path}: cannot be read as a PCM .wav: {said}{advice}") from None
    if form != (1, 16, SAMPLE_RATE_HZ):
        channels = "1 channel" if form[0] == 1 else f"{form[0]} channels"
        raise DataError(
            f"{path}: {channels} of {form[1]} bits at {form[2]:,} Hz; the network hears 1 channel of 16 bits at "
            f"{SAMPLE_RATE_HZ:,} Hz: {_advice(path)}"
        )
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)


def _advice(path: Path) -> str:
    return f"`ffmpeg -i {shlex.quote(str(path))} -ac 1 -ar {SAMPLE_RATE_HZ} -sample_fmt s16 out.wav`"


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A recording of any kind as networks hear it, and what it was."""

    pcm: Int16
    """`[samples]` at 16 kHz, all channels mixed."""
    rate_hz: int
    channels: int
    clipped: float
    """Share of samples that are at full scale."""


def read_sound(path: Path) -> Sound:
    """A recording of any rate and number of channels: WAV, FLAC, OGG or MP3.

    Raises UsageError where there is none, DataError about a file that is no recording, or one without sense.
    """
    try:
        import soundfile
        from scipy.signal import resample_poly
    except ImportError as error:
        raise MissingDependency(f"{error.name} is not installed: pip install 'tinyprune[kws]'") from None
    files.require(path, f"{path}: no such file")
    try:
        with soundfile.SoundFile(path) as file:
            rate, channels = int(file.samplerate), int(file.channels)
            if not _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
                raise DataError(f"{path}: {rate:,} Hz; rates from {_RATES_HZ[0]:,} to {_RATES_HZ[1]:,} Hz are taken")
            if file.frames * channels > _MOST_VALUES:
                raise DataError(f"{path}: {file.frames / rate / 3600:.1f} hours are too long for one file; cut it")
            sound = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        said = str(error).rpartition(": ")[2] if path.stat().st_size else "the file is empty"
        raise DataError(f"{path}: cannot be read as a recording: {said}") from None
    if not np.isfinite(sound).all():
        raise DataError(f"{path}: has samples that are no numbers (NaN or infinite)")
    clipped = float((np.abs(sound) >= _CLIPPED).mean()) if sound.size else 0.0
    common = gcd(rate, SAMPLE_RATE_HZ)
    mono = sound.mean(axis=1)
    heard = mono if rate == SAMPLE_RATE_HZ else resample_poly(mono, SAMPLE_RATE_HZ // common, rate // common)
    pcm = np.rint(np.clip(heard, -1, 1) * FULL_SCALE).astype(np.int16)
    return Sound(pcm, rate, channels, clipped)


def one_second(pcm: Int16) -> Int16:
    """`[samples]` of any number → `[CLIP_SAMPLES]`: a short recording is padded with zeros, a long one cut."""
    return np.pad(pcm[:CLIP_SAMPLES], (0, max(0, CLIP_SAMPLES - len(pcm))))
