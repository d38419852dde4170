"""Recordings that users make of words of their own: found, cut into clips of a second, and divided by who speaks.

The layout is a folder for each word, with recordings of any kind in it or in folders of one speaker each:
`left/anna/1.wav`. Names as in Speech Commands, `<speaker>_nohash_<n>.wav`, say who speaks as well. `_unknown_` holds
other words, `_silence_` and `_background_noise_` sounds without words. Of each word a part of the speakers is held out,
or of the files where nothing tells the speakers.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyprune.errors import DataError, UsageError
from tinyprune.sound.features import CLIP_SAMPLES, SAMPLE_RATE_HZ
from tinyprune.sound.recordings import Int16, Sound, one_second, read_sound, recordings_in
from tinyprune.training.speech_commands import NOISE_FOLDER, speaker_of

Real = npt.NDArray[np.float64]

UNKNOWN, SILENCE = ("_unknown_", "unknown"), ("_silence_", "silence", NOISE_FOLDER)
HELD_OUT = 0.2
FEWEST_CLIPS, FEW_CLIPS = 8, 40
#: Recordings whose loudest sample is below this hold nothing (of 32,768).
SILENT = 64
CLIPPED = 0.005
FRAME_SAMPLES = 320
#: In longer recordings speech is what is less than so much below the loudest frame, and above the noise.
BELOW_LOUDEST_DB, ABOVE_NOISE_DB = 25.0, 8.0
LONGEST_GAP_FRAMES, SHORTEST_FRAMES = 15, 5
#: How many names a sentence gives before "and … more".
NAMED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A second of a recording, and whose it is."""

    pcm: Int16
    group: str


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Clips `[clips, samples]` by word, or by kind of sound."""

    training: Mapping[str, Int16]
    held_out: Mapping[str, Int16]
    groups: tuple[str, ...]
    """The speaker, or the file, of each clip that is held out, word by word."""


@dataclass(slots=True)
class Notes:
    """What was done to the recordings, and what may ruin a training, as sentences."""

    done: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def folders_of(folder: Path, words: Sequence[str] | None) -> dict[str, Path]:
    """The folder of each word; all that are not about silence or unknown words where `words` is None.

    Raises UsageError about everything that is missing.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give one with a folder of recordings for each word")
    reserved = {*UNKNOWN, *SILENCE}
    found = {
        entry.name: entry
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and entry.name not in reserved and not entry.name.startswith(".")
    }
    if not found:
        raise UsageError(f"{folder} has no folder in it; give one with a folder of recordings for each word")
    if words is None:
        return found
    missing = [word for word in words if word not in found]
    if missing:
        raise UsageError(f"{folder} has no folder {', '.join(missing)}; it has {named(found, 10)}")
    return {word: found[word] for word in words}


def clips_of(
    folders: Mapping[str, Path], notes: Notes, fewest: int = FEWEST_CLIPS, most: int | None = None
) -> dict[str, list[Clip]]:
    """The clips of each word, of `most` recordings at most, evenly chosen.

    Raises DataError about all files that cannot be read, and all words with fewer than `fewest` clips.
    """
    files = {word: recordings_in(folder) for word, folder in folders.items()}
    if most is not None:
        files = {word: paths[:: max(1, -(-len(paths) // most))] for word, paths in files.items()}
    silent: list[str] = []
    clipped: list[str] = []
    cut = converted = 0
    clips: dict[str, list[Clip]] = {word: [] for word in folders}
    for word, sounds in read_all(files).items():
        for path, sound in sounds:
            converted += (sound.rate_hz, sound.channels) != (SAMPLE_RATE_HZ, 1)
            if not len(sound.pcm) or np.abs(sound.pcm.astype(np.int32)).max() < SILENT:
                silent.append(f"{word}/{path.name}")
                continue
            if sound.clipped > CLIPPED:
                clipped.append(f"{word}/{path.name}")
            seconds = utterances(sound.pcm)
            cut += len(sound.pcm) > CLIP_SAMPLES
            group = group_of(path, folders[word])
            clips[word] += [Clip(second, group) for second in seconds]
    _note(notes, silent, clipped, cut, converted)
    _check_counts(clips, notes, fewest)
    return clips


def read_all(files: Mapping[str, Sequence[Path]]) -> dict[str, list[tuple[Path, Sound]]]:
    """Each recording of each word. Raises DataError about all that cannot be read."""
    found: dict[str, list[tuple[Path, Sound]]] = {word: [] for word in files}
    bad: list[str] = []
    with ThreadPoolExecutor() as pool:
        for word, paths in files.items():
            for path, read in zip(paths, pool.map(_sound_or_error, paths), strict=True):
                if isinstance(read, DataError):
                    bad.append(str(read))
                else:
                    found[word].append((path, read))
    if bad:
        raise DataError("; ".join(bad[:NAMED]) + (f"; and {len(bad) - NAMED} more" if bad[NAMED:] else ""))
    return found


def _sound_or_error(path: Path) -> Sound | DataError:
    try:
        return read_sound(path)
    except DataError as error:
        return error


def _note(notes: Notes, silent: Sequence[str], clipped: Sequence[str], cut: int, converted: int) -> None:
    if converted:
        notes.done.append(f"{converted:,} recordings were of another rate or of several channels: converted to 16 kHz")
    if cut:
        notes.done.append(f"{cut:,} recordings were longer than a second: cut where it is loud")
    if silent:
        notes.warnings.append(f"{len(silent):,} recordings are silent and left out: {named(silent)}")
    if clipped:
        notes.warnings.append(
            f"{len(clipped):,} recordings are clipped: {named(clipped)}; record them again with less gain"
        )


def _check_counts(clips: Mapping[str, Sequence[Clip]], notes: Notes, fewest: int) -> None:
    counts = {word: len(of_word) for word, of_word in clips.items()}
    too_few = [f"{word} has {count}" for word, count in counts.items() if count < fewest]
    if too_few:
        said = f"too few clips: {', '.join(too_few)}; {fewest} a word are the least, 50 a good start"
        raise DataError("; ".join([said, *notes.warnings]))
    few = [f"{word} {count}" for word, count in counts.items() if count < FEW_CLIPS]
    if few:
        notes.warnings.append(f"few clips ({', '.join(few)}): 50 a word and more make a network that can be relied on")
    if max(counts.values()) > 5 * min(counts.values()):
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        notes.warnings.append(
            f"{most} has {counts[most]:,} clips, {least} {counts[least]:,}: rare words are shown more often"
        )


def group_of(path: Path, folder: Path) -> str:
    """Who speaks: by the file's name, or by its folder within the word's; else the file itself."""
    speaker = speaker_of(path)
    if speaker != path.stem:
        return speaker
    inside = path.relative_to(folder).parts
    return inside[0] if len(inside) > 1 else f"{path.parent.name}/{path.name}"


def split(clips: Mapping[str, Sequence[Clip]], notes: Notes) -> Split:
    """A fifth of the groups is held out, and at least one of each word; a lone speaker is divided by clips."""
    groups = {word: sorted({clip.group for clip in of_word}, key=digest) for word, of_word in clips.items()}
    speakers = {group for of_word in groups.values() for group in of_word}
    if any(len(of_word) < 2 for of_word in groups.values()):
        lone = [word for word, of_word in groups.items() if len(of_word) < 2]
        notes.warnings.append(
            f"one speaker or one recording says {named(lone)}: the accuracy says nothing about other people"
        )
        clips = {w: [Clip(c.pcm, f"{c.group} {n}") for n, c in enumerate(of_word)] for w, of_word in clips.items()}
        groups = {word: sorted({clip.group for clip in of_word}, key=digest) for word, of_word in clips.items()}
        speakers = {group for of_word in groups.values() for group in of_word}
    elif len(speakers) == sum(map(len, groups.values())):
        notes.warnings.append(
            "nothing tells who speaks: files are held out, and if one person made them all, the accuracy says nothing "
            "about other people; put the recordings of each speaker into a folder of their own (left/anna/1.wav)"
        )
    held = set(sorted(speakers, key=digest)[: round(HELD_OUT * len(speakers))])
    for of_word in groups.values():
        if not held.intersection(of_word):
            held.add(of_word[0])
        elif held.issuperset(of_word):
            held.discard(of_word[-1])
    kept = {word: [clip.pcm for clip in of_word if clip.group not in held] for word, of_word in clips.items()}
    out = {word: [clip.pcm for clip in of_word if clip.group in held] for word, of_word in clips.items()}
    theirs = tuple(clip.group for of_word in clips.values() for clip in of_word if clip.group in held)
    return Split(_stacked(kept), _stacked(out), theirs)


def _stacked(clips: Mapping[str, Sequence[Int16]]) -> dict[str, Int16]:
    empty = np.zeros((0, CLIP_SAMPLES), np.int16)
    return {word: np.stack(of_word) if of_word else empty for word, of_word in clips.items()}


def digest(group: str) -> str:
    """What orders groups by chance, and for ever."""
    return hashlib.sha1(group.encode()).hexdigest()


def utterances(pcm: Int16) -> list[Int16]:
    """Seconds `[samples]` around what is loud; a recording of a second at most is one, in the middle of zeros."""
    if len(pcm) <= CLIP_SAMPLES:
        return [_around(pcm, 0, len(pcm))]
    levels = levels_db(pcm)
    loud = levels > max(levels.max() - BELOW_LOUDEST_DB, np.quantile(levels, 0.1) + ABOVE_NOISE_DB)
    spans = [(a, b) for a, b in _spans(loud) if b - a >= SHORTEST_FRAMES]
    if not spans:  # as loud everywhere
        spans = [(0, len(levels))]
    return [_around(pcm, a * FRAME_SAMPLES, min(b * FRAME_SAMPLES, len(pcm))) for a, b in spans]


def levels_db(pcm: Int16) -> Real:
    """`[frames]` of 20 ms, the last one whole."""
    frames = np.pad(pcm, (0, -len(pcm) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES).astype(np.float64)
    return np.asarray(10 * np.log10((frames**2).mean(axis=1) + 1))


def _spans(loud: npt.NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Runs of loud frames (first, end), with short gaps in them."""
    spans: list[tuple[int, int]] = []
    for frame in np.flatnonzero(loud).tolist():
        if spans and frame - spans[-1][1] <= LONGEST_GAP_FRAMES:
            spans[-1] = (spans[-1][0], frame + 1)
        else:
            spans.append((frame, frame + 1))
    return spans


def _around(pcm: Int16, begin: int, end: int) -> Int16:
    """The second around a span; of a longer one, where its energy has its middle; zeros where the recording ends."""
    middle = (begin + end) // 2
    if end - begin > CLIP_SAMPLES:
        energy = np.cumsum(pcm[begin:end].astype(np.float64) ** 2)
        middle = begin + int(np.searchsorted(energy, energy[-1] / 2))
    start = middle - CLIP_SAMPLES // 2
    return one_second(np.pad(pcm[max(0, start) : start + CLIP_SAMPLES], (max(0, -start), 0)))


def named(names: Collection[str], most: int = NAMED) -> str:
    """A few names, and how many more there are."""
    some = ", ".join(list(names)[:most])
    return f"{some} and {len(names) - most} more" if len(names) > most else some
