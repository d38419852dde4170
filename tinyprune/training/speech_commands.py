"""Google Speech Commands on disk, and the keyword-spotting task made of it.

P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209. The layout is
`<word>/<speaker>_nohash_<n>.wav` beside `_background_noise_/*.wav`; a speaker belongs to one split for ever, by the
SHA-1 of the speaker id.

The task `kws12` is the standard one: silence, unknown and ten words. `kws10` has eight of them ("on" and "off" are
neither commands nor unknown words). As in the paper's recipe, silence and unknown are 10 % of the number of command
clips each. Two things are stricter or more even than there: the unknown words share their part equally, and every noise
recording is cut in time, so that the silence of one split is never heard in another.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyprune.errors import DataError, UsageError
from tinyprune.sound.features import CLIP_SAMPLES, FULL_SCALE, MFCC10, Float32, FrontEnd, normalize
from tinyprune.sound.recordings import Int16, one_second, read_wav
from tinyprune.training.keras_model import Examples

Int64 = npt.NDArray[np.int64]
Split = Literal["train", "validation", "test"]

COMMANDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")
LEFT_OUT = frozenset({"on", "off"})
TEN_WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
NOISE_FOLDER = "_background_noise_"
SHARE_PERCENT = 10
SHIFT_SAMPLES = 1600
NOISE_PROBABILITY = 0.8
NOISE_VOLUME = 0.1
#: The part of every noise recording that a split may hear.
NOISE_SPAN: Mapping[Split, tuple[float, float]] = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
BATCH_CLIPS = 256


@dataclass(frozen=True, slots=True)
class Task:
    """Which words are told apart, and which are heard by nobody."""

    name: str
    words: tuple[str, ...]
    left_out: frozenset[str] = frozenset()

    @property
    def labels(self) -> tuple[str, ...]:
        return ("silence", "unknown", *self.words)


KWS10, KWS12 = Task("kws10", COMMANDS, LEFT_OUT), Task("kws12", TEN_WORDS)
TASK = KWS10.name
LABELS = KWS10.labels


def task_of(labels: Sequence[str] | None) -> Task:
    """Raises UsageError where labels are those of no task."""
    for task in (KWS10, KWS12):
        if labels is not None and tuple(labels) == task.labels:
            return task
    known = " or ".join(", ".join(task.labels) for task in (KWS10, KWS12))
    given = f"not {', '.join(labels)}" if labels else "not unknown ones: give --class-names"
    raise UsageError(f"--split goes with networks of the labels {known}, {given}")


@dataclass(frozen=True, slots=True)
class Audio:
    """The clips of one split in memory, 16-bit samples as recorded."""

    split: Split
    words: Mapping[str, Int16]
    """For each word `[clips, samples]`."""
    noise: tuple[Int16, ...]
    """For each recording, the stretch of this split `[samples]`."""


def speaker_of(path: Path) -> str:
    """The part of a clip's name that all recordings of one speaker share."""
    return re.sub(r"_nohash_.*$", "", path.stem)


def split_of(speaker: str) -> Split:
    """The official rule: below 10 % validation, below 20 % test."""
    percentage = percentage_of(speaker)
    return "validation" if percentage < 10 else "test" if percentage < 20 else "train"


def percentage_of(speaker: str) -> float:
    """The SHA-1 of the speaker id, as the official rule makes a percentage of it."""
    modulus = 2**27
    return int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % modulus * (100.0 / (modulus - 1))


def clip_paths(folder: Path, split: Split) -> dict[str, list[Path]]:
    """All clips of a split by word, sorted; every command word must have one."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; `tinyprune data fetch` downloads Speech Commands")
    missing = [name for name in (*COMMANDS, NOISE_FOLDER) if not (folder / name).is_dir()]
    if missing:
        raise DataError(f"{folder} is not a copy of Speech Commands: it has no folder {', '.join(missing)}")
    words = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(("_", ".")))
    found = {word.name: [clip for clip in _recordings(word) if split_of(speaker_of(clip)) == split] for word in words}
    empty = [word for word in COMMANDS if not found[word]]
    if empty:
        raise DataError(f"{folder} has no {split} clip of {', '.join(empty)}")
    return {word: clips for word, clips in found.items() if clips}


def _recordings(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.wav"))


def load(folder: Path, split: Split, left_out: Collection[str] = LEFT_OUT) -> Audio:
    """Read one split into memory: 32 kB a clip, 2.7 GB for the training split of the whole data set."""
    paths = {word: clips for word, clips in clip_paths(folder, split).items() if word not in left_out}
    with ThreadPoolExecutor() as pool:
        words = {
            word: np.stack([one_second(pcm) for pcm in pool.map(read_wav, clips)]) for word, clips in paths.items()
        }
    return Audio(split, words, noise_of(folder, split))


def noise_of(folder: Path, split: Split) -> tuple[Int16, ...]:
    """For each recording of noise, the stretch of this split `[samples]`."""
    noise = tuple(_noise_stretch(path, split) for path in _recordings(folder / NOISE_FOLDER))
    if not noise:
        raise DataError(f"{folder / NOISE_FOLDER} has no recording; silence is made of them")
    return noise


def _noise_stretch(path: Path, split: Split) -> Int16:
    recording = read_wav(path)
    begin, end = (int(len(recording) * part) for part in NOISE_SPAN[split])
    if end - begin <= CLIP_SAMPLES:
        raise DataError(f"{path} is too short: its {split} part has to be longer than one second")
    return recording[begin:end]


def evaluation_clips(audio: Audio, seed: int = 0, task: Task = KWS10, front_end: FrontEnd = MFCC10) -> Examples:
    """Every clip of a split that has one of the task's words, silence and unknown by seed; nothing is shifted or mixed
    in.

    Inputs are features `[clips, frames, width, 1]`, targets indices into the task's labels `[clips]`.
    """
    pcm, labels = evaluation_pcm(audio, seed, task)
    return Examples(features_of(pcm, front_end), labels)


def evaluation_pcm(audio: Audio, seed: int = 0, task: Task = KWS10) -> tuple[Int16, Int64]:
    """The same clips as recorded: samples `[clips, samples]` and labels `[clips]`."""
    return _draw(audio, np.random.default_rng([seed, 0]), task)


def training_clips(audio: Audio, seed: int, epoch: int) -> Examples:
    """One epoch like that, shuffled and augmented; seed and epoch decide everything: training can resume anywhere."""
    rng = np.random.default_rng([seed, 1 + epoch])
    pcm, labels = _draw(audio, rng, KWS10)
    order = rng.permutation(len(labels))
    batches = [augment(pcm[part], labels[part] == 0, audio.noise, rng) for part in chunks(order)]
    return Examples(np.concatenate([MFCC10.transform(batch) for batch in batches])[..., np.newaxis], labels[order])


def features_of(pcm: Int16, front_end: FrontEnd = MFCC10) -> Float32:
    """Recorded samples `[clips, samples]` → features `[clips, frames, width, 1]`."""
    found = np.concatenate([front_end.of(pcm[part]) for part in chunks(np.arange(len(pcm)))])
    return found[..., np.newaxis]


def augment(pcm: Int16, silent: npt.NDArray[np.bool_], noise: tuple[Int16, ...], rng: np.random.Generator) -> Float32:
    """Normalize `[clips, samples]`; shift words by up to ±100 ms; mix noise into four of five of all clips."""
    clips = normalize(pcm)
    shifts = np.where(silent, 0, rng.integers(-SHIFT_SAMPLES, SHIFT_SAMPLES, size=len(clips), endpoint=True))
    shifted = np.stack([_shift(clip, int(shift)) for clip, shift in zip(clips, shifts, strict=True)])
    volume = rng.uniform(0, NOISE_VOLUME, size=len(clips)) * (rng.random(len(clips)) < NOISE_PROBABILITY)
    background = stretches(noise, len(clips), rng) * (volume[:, None] / FULL_SCALE).astype(np.float32)
    return np.asarray(np.clip(shifted + background, -1.0, 1.0), dtype=np.float32)


def chunks(order: Int64) -> Iterator[Int64]:
    return (order[start : start + BATCH_CLIPS] for start in range(0, len(order), BATCH_CLIPS))


def _shift(clip: Float32, samples: int) -> Float32:
    """Move a clip later (positive) or earlier, zeros in the gap."""
    padded = np.pad(clip, SHIFT_SAMPLES)
    return padded[SHIFT_SAMPLES - samples :][: len(clip)]


def _draw(audio: Audio, rng: np.random.Generator, task: Task) -> tuple[Int16, Int64]:
    """Samples `[clips, samples]` and labels `[clips]` of silence, unknown and all commands, in the order of labels."""
    missing = [word for word in task.words if word not in audio.words]
    if missing:
        raise DataError(f"there is no clip of {', '.join(missing)} in the {audio.split} split")
    commands = [audio.words[word] for word in task.words]
    unknown = [clips for word, clips in sorted(audio.words.items()) if word not in task.words]
    if not unknown:
        raise DataError("there is no word besides the commands: the class `unknown` needs some")
    share = -(-sum(map(len, commands)) * SHARE_PERCENT // 100)
    parts = [stretches(audio.noise, share, rng), evenly(unknown, share, rng), *commands]
    labels = np.repeat(np.arange(len(task.labels)), [len(part) for part in parts])
    return np.concatenate(parts), labels


def stretches(noise: Sequence[Int16], count: int, rng: np.random.Generator) -> Int16:
    """Random seconds of random recordings: `[count, samples]`."""
    recordings = [noise[index] for index in rng.integers(len(noise), size=count)]
    starts = [int(rng.integers(len(recording) - CLIP_SAMPLES)) for recording in recordings]
    return np.stack([rec[start : start + CLIP_SAMPLES] for rec, start in zip(recordings, starts, strict=True)])


def evenly(words: Sequence[Int16], count: int, rng: np.random.Generator) -> Int16:
    """`[count, samples]`, equally many of each word's clips `[clips, samples]`: those of a rare one several times."""
    shares = np.full(len(words), count // len(words))
    shares[rng.permutation(len(words))[: count % len(words)]] += 1
    chosen = [
        clips[rng.choice(len(clips), share, replace=share > len(clips))]
        for clips, share in zip(words, shares, strict=True)
    ]
    return np.concatenate(chosen)
