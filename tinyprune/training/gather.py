"""Everything that a network for one's own words is trained on, and what is held out: from the folders that are given.

Of each kind of sound some files are held out, of a lone file its end. Unknown words come from `_unknown_`, from words
of the folder that are not asked for, and from Speech Commands; what there is not is made (`augmentation.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyprune.errors import DataError, UsageError
from tinyprune.sound.features import CLIP_SAMPLES, SAMPLE_RATE_HZ
from tinyprune.sound.recordings import Int16, one_second, read_wav, recordings_in
from tinyprune.training import augmentation, own_words, speech_commands
from tinyprune.training.keywords import Material
from tinyprune.training.own_words import HELD_OUT, SILENCE, UNKNOWN, Notes

Halves = tuple[dict[str, Int16], dict[str, Int16]]
"""Clips `[clips, samples]` by word: what is trained on, and what is held out."""

#: Kinds of sound in which people speak.
SPEECH = frozenset({"speech", "talk", "voices", *UNKNOWN})
#: Clips of a word of others that are read, for training and to measure with.
UNKNOWN_CLIPS, UNKNOWN_HELD_OUT = 150, 20
MADE_ROOMS, MADE_ROOM_S, ROOM_LEVEL = 6, 20, 1500.0


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    training: Material
    held_out: Material
    groups: tuple[str, ...]
    """The speaker, or the file, of each held-out clip of a word, word by word."""
    data_set: str
    task: str = "own words"
    split: str = "held out"
    family: str | None = None
    """How the names of networks for it begin; None: with their architecture."""


def gather(
    folder: Path,
    words: Sequence[str] | None,
    negatives: Path | None,
    commands: Path | None,
    notes: Notes,
    left_out: Sequence[str] = (),
) -> Gathered:
    """`commands` is a copy of Speech Commands, `negatives` a folder of folders of sounds in which no word is said, of
    which those of the kinds `left_out` are measured with only.

    Raises UsageError about folders, DataError about recordings, and about words with too few of them.
    """
    folders = own_words.folders_of(folder, words)
    own = own_words.split(own_words.clips_of(folders, notes), notes)
    unknown = _others(folder, folders, commands, notes)
    rooms = _rooms(folder, commands, notes)
    kinds = kinds_of(negatives, left_out=left_out)
    parts = []
    for part, own_clips, others in (
        (0, own.training, unknown[0]),
        (1, own.held_out, unknown[1]),
    ):
        parts.append(Material(own_clips, others, *sounds_and_speech(kinds, part), rooms[part]))
    return Gathered(parts[0], parts[1], own.groups, folder.resolve().name)


def _others(folder: Path, folders: Mapping[str, Path], commands: Path | None, notes: Notes) -> Halves:
    """Words that shall be told from those that are asked for."""
    found = {}
    for name in UNKNOWN:
        if (folder / name).is_dir() and recordings_in(folder / name):
            found[name] = folder / name
    rest = own_words.folders_of(folder, None)
    found |= {word: path for word, path in rest.items() if word not in folders and recordings_in(path)}
    training: dict[str, Int16] = {}
    held_out: dict[str, Int16] = {}
    if found:
        clips = own_words.clips_of(found, Notes(), fewest=0, most=UNKNOWN_CLIPS)
        own = own_words.split({word: of_word for word, of_word in clips.items() if len(of_word) > 1}, Notes())
        training |= own.training
        held_out |= own.held_out
    splits: tuple[tuple[speech_commands.Split, int, dict[str, Int16]], ...] = (
        ("train", UNKNOWN_CLIPS, training),
        ("validation", UNKNOWN_HELD_OUT, held_out),
    )
    if commands is not None:
        for split, most, kept in splits:
            paths = speech_commands.clip_paths(commands, split)
            for word, of_word in paths.items():
                if word not in folders and word not in found:
                    some = of_word[:: -(-len(of_word) // most)]
                    kept[word] = np.stack([one_second(read_wav(path)) for path in some])
    if not training:
        notes.warnings.append(
            "there are no other words: put some into _unknown_, or give --speech-commands; until then, halved and "
            "reversed words stand for them, and many other words will be taken for yours"
        )
    return training, held_out


def _rooms(folder: Path, commands: Path | None, notes: Notes) -> tuple[list[Int16], list[Int16]]:
    """Recordings of rooms and noise, and what is held out of them; made where there are none."""
    own = [path for name in SILENCE if (folder / name).is_dir() for path in recordings_in(folder / name)]
    read = own_words.read_all({"": own})[""]
    training, held_out = _halves([sound.pcm for _, sound in read], [path.name for path, _ in read])
    if commands is not None:
        training += speech_commands.noise_of(commands, "train")
        held_out += speech_commands.noise_of(commands, "validation")
    made = augmentation.noise(MADE_ROOMS, np.random.default_rng(0), MADE_ROOM_S * SAMPLE_RATE_HZ)
    rooms = list(augmentation.to_int16(ROOM_LEVEL * made))
    if not training:
        notes.done.append("there are no recordings of rooms (_silence_): noise is made for them")
    return training or rooms[2:], held_out or rooms[:2]


Kinds = Mapping[str, tuple[list[Int16], list[Int16]]]


def sounds_and_speech(kinds: Kinds, part: int) -> tuple[dict[str, list[Int16]], list[Int16]]:
    """Of what is trained on (0) or held out (1): sounds by kind, and recordings in which people speak."""
    sounds = {kind: halves[part] for kind, halves in kinds.items() if kind not in SPEECH and halves[part]}
    return sounds, [recording for kind in kinds if kind in SPEECH for recording in kinds[kind][part]]


def kinds_of(
    negatives: Path | None, is_held_out: Callable[[Path], bool] | None = None, left_out: Sequence[str] = ()
) -> Kinds:
    """Recordings by kind, in two: what is trained on, and what is held out, by chance unless `is_held_out` says it; all
    of those kinds that are `left_out`."""
    if negatives is None:
        if left_out:
            raise UsageError("--leave-out names kinds of sound of --negatives")
        return {}
    if not negatives.is_dir():
        raise UsageError(f"{negatives}: no such folder; --negatives is a folder of folders of sounds")
    kinds: dict[str, list[Path]] = {}
    for path in recordings_in(negatives):
        kinds.setdefault(path.relative_to(negatives).parts[0] if path.parent != negatives else "sounds", []).append(
            path
        )
    if not kinds:
        raise UsageError(f"{negatives} has no recordings; --negatives is a folder of folders of sounds")
    missing = [kind for kind in left_out if kind not in kinds]
    if missing:
        raise UsageError(f"--leave-out {', '.join(missing)}: {negatives} has {', '.join(sorted(kinds))}")
    found: dict[str, tuple[list[Int16], list[Int16]]] = {}
    for kind, read in own_words.read_all(kinds).items():
        sounds, paths = [sound.pcm for _, sound in read], [path for path, _ in read]
        if not any(map(len, sounds)):
            raise DataError(f"{negatives / kind}: all recordings are empty")
        if kind in left_out:
            found[kind] = ([], sounds)
        elif is_held_out is None:
            found[kind] = _halves(sounds, [path.name for path in paths])
        else:
            held = [is_held_out(path) for path in paths]
            found[kind] = (
                [sound for sound, out in zip(sounds, held, strict=True) if not out],
                [sound for sound, out in zip(sounds, held, strict=True) if out],
            )
    return found


def _halves(sounds: Sequence[Int16], names: Sequence[str]) -> tuple[list[Int16], list[Int16]]:
    """Whole recordings on both sides; where there are only a few, the end of each is held out."""
    order = sorted(
        (pair for pair in zip(names, sounds, strict=True) if len(pair[1])), key=lambda pair: own_words.digest(pair[0])
    )
    held = round(HELD_OUT * len(order))
    if held:
        return [sound for _, sound in order[held:]], [sound for _, sound in order[:held]]
    ends = [(sound, round(len(sound) * (1 - HELD_OUT))) for _, sound in order]
    return [sound[:end] for sound, end in ends], [
        sound[end:] for sound, end in ends if len(sound) - end > CLIP_SAMPLES // 4
    ]
