"""What a network for keywords hears in an epoch, so that it knows its words and keeps silent otherwise.

Labels are silence, unknown, and the words. Words are shifted and have noise mixed in, as in the recipe of Speech
Commands; silence is rooms, sounds of all kinds and sounds made here, unknown is other words, speech, and words that are
none (`augmentation.py`). In the closing epochs there are fewer of them, since too many cost accuracy. After a first
training, those that the network took for words (`mine`) come again and again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinyprune.sound.features import CLIP_SAMPLES, MFCC10, Float32, FrontEnd, normalize
from tinyprune.sound.recordings import Int16
from tinyprune.training import augmentation, speech_commands
from tinyprune.training.keras_model import Examples
from tinyprune.training.train import BATCH_SAMPLES

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

SILENCE, UNKNOWN, FIRST_WORD = 0, 1, 2
NOT_WORDS = ("silence", "unknown")
#: An epoch has as many clips of words as there are, and at least so many.
WORD_CLIPS = 1200
#: Seconds that `mine` lets the network hear at least, how sure of a word it must be, and what part it keeps at most.
MINED_CLIPS, MINED_SCORE, MOST_MINED = 3000, 0.2, 0.2
#: Of full scale, the largest sample of the faintest clip: for front ends that hear how loud it is.
FAINTEST = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Everything that may be heard in training."""

    words: Mapping[str, Int16]
    """For each word `[clips, samples]`."""
    unknown: Mapping[str, Int16]
    """Other words, likewise."""
    sounds: Mapping[str, Sequence[Int16]]
    """Recordings `[samples]` without words, by kind."""
    speech: Sequence[Int16]
    """Recordings in which people speak, but none of the words."""
    backgrounds: Sequence[Int16]
    """Recordings of rooms and noise, which are also mixed into words."""

    @property
    def labels(self) -> tuple[str, ...]:
        return (*NOT_WORDS, *self.words)


class Hard(NamedTuple):
    """Clips `[clips, samples]` without a word that a network took for one."""

    silence: Int16
    unknown: Int16


NOTHING_HARD = Hard(np.zeros((0, CLIP_SAMPLES), np.int16), np.zeros((0, CLIP_SAMPLES), np.int16))


def epoch_clips(
    material: Material,
    negatives: float,
    seed: int,
    epoch: int,
    hard: Hard = NOTHING_HARD,
    front_end: FrontEnd = MFCC10,
) -> Examples:
    """Features `[clips, frames, width, 1]` and labels of an epoch, all decided by its seed and number.

    `negatives` is the share of clips without a word, half of them silence and half unknown.
    """
    rng = np.random.default_rng([seed, 1 + epoch])
    words = list(material.words.values())
    count = _word_clips(material)
    without = round(count * negatives / (1 - negatives))
    shares = augmentation.shares(count, len(words))
    drawn = [speech_commands.evenly([clips], each, rng) for clips, each in zip(words, shares, strict=True)]
    parts = [(augmentation.other_voices(clips, rng), FIRST_WORD + number, True) for number, clips in enumerate(drawn)]
    parts += _unknown(material, without // 2, hard.unknown, rng)
    parts += _silence(material, without - without // 2, hard.silence, rng)
    pcm = np.concatenate([clips for clips, _, _ in parts])
    labels, blended = (np.repeat([p[i] for p in parts], [len(p[0]) for p in parts]) for i in (1, 2))
    order = rng.permutation(len(pcm))
    heard = [
        _heard(pcm[some], labels[some], blended[some], material.backgrounds, rng, front_end)
        for some in speech_commands.chunks(order)
    ]
    return Examples(np.concatenate(heard)[..., np.newaxis], labels[order])


def _word_clips(material: Material) -> int:
    return max(WORD_CLIPS, sum(map(len, material.words.values())))


def fewer(clips: Examples, negatives: float, rng: np.random.Generator) -> Examples:
    """An epoch that was heard before, in another order and with no more than this share of clips without a word."""
    is_word = clips.targets >= FIRST_WORD
    words, others = np.flatnonzero(is_word), rng.permutation(np.flatnonzero(~is_word))
    most = round(len(words) * negatives / (1 - negatives))
    order = rng.permutation(np.concatenate([words, others[:most]]))
    return Examples(clips.inputs[order], clips.targets[order])


def _heard(
    pcm: Int16,
    labels: Int64,
    blended: Bool,
    backgrounds: Sequence[Int16],
    rng: np.random.Generator,
    front_end: FrontEnd,
) -> Float32:
    """Features; those clips that are `blended` are shifted, and have noise mixed in. A front end that hears how loud a
    clip is hears it at any loudness, as from near and far."""
    audio = normalize(pcm)
    room = tuple(augmentation.long_recording(each, CLIP_SAMPLES + 1) for each in backgrounds)
    if blended.any():
        audio[blended] = speech_commands.augment(pcm[blended], labels[blended] == SILENCE, room, rng)
    if not front_end.divides_by_peak:
        audio *= np.exp(rng.uniform(np.log(FAINTEST), 0, size=(len(audio), 1))).astype(np.float32)
    return front_end.transform(audio)


_Part = tuple[Int16, int, bool]


def _unknown(material: Material, count: int, hard: Int16, rng: np.random.Generator) -> list[_Part]:
    """Other words, speech, words that are none; what there is not, the last has instead."""
    again = _again(hard, count // 4, rng)
    words = speech_commands.evenly(list(material.unknown.values()), count // 2, rng) if material.unknown else hard[:0]
    speech = _drawn(material.speech, (count - len(again) - len(words)) // 2, rng)
    rest = count - len(again) - len(words) - len(speech)
    own = np.concatenate(list(material.words.values()))
    made = augmentation.no_words(own, rest, rng)
    return [(again, UNKNOWN, False), (words, UNKNOWN, True), (speech, UNKNOWN, False), (made, UNKNOWN, True)]


def _silence(material: Material, count: int, hard: Int16, rng: np.random.Generator) -> list[_Part]:
    """Sounds, rooms, sounds made here; where there are no sounds, more of the others."""
    again = _again(hard, count // 4, rng)
    kinds = list(material.sounds.values())
    each = augmentation.shares((count - len(again)) // 2, len(kinds)) if kinds else []
    sounds = [_drawn(recordings, share, rng) for recordings, share in zip(kinds, each, strict=True)]
    rest = count - len(again) - sum(map(len, sounds))
    rooms = augmentation.backgrounds(material.backgrounds, rest // 2, rng)
    made = augmentation.made_sounds(rest - len(rooms), rng)
    return [
        (again, SILENCE, False),
        *((s, SILENCE, False) for s in sounds),
        (rooms, SILENCE, True),
        (made, SILENCE, False),
    ]


def _drawn(recordings: Sequence[Int16], count: int, rng: np.random.Generator) -> Int16:
    return augmentation.sounds(recordings, count, rng) if recordings else np.zeros((0, CLIP_SAMPLES), np.int16)


def _again(hard: Int16, count: int, rng: np.random.Generator) -> Int16:
    return hard[rng.integers(len(hard), size=count)] if len(hard) else hard


def mine(model: Any, material: Material, seed: int, front_end: FrontEnd = MFCC10) -> Hard:
    """Of random clips without a word, those that the network is surest to hear one in."""
    rng = np.random.default_rng([seed, 0])
    count = max(MINED_CLIPS, _word_clips(material)) // 2
    found = (
        _hardest(
            model, np.concatenate([clips for clips, _, _ in make(material, count, NOTHING_HARD[kind], rng)]), front_end
        )
        for kind, make in enumerate((_silence, _unknown))
    )
    return Hard(*found)


def _hardest(model: Any, pcm: Int16, front_end: FrontEnd) -> Int16:
    answers = model.predict(speech_commands.features_of(pcm, front_end), batch_size=BATCH_SAMPLES, verbose=0)
    sure = answers[:, FIRST_WORD:].max(axis=1)
    order = np.argsort(-sure, kind="stable")[: round(MOST_MINED * len(pcm))]
    kept: Int16 = pcm[order[sure[order] >= MINED_SCORE]]
    return kept


def validation(held_out: Material, front_end: FrontEnd = MFCC10) -> Examples:
    """Held-out clips of all words; for silence and unknown, as many as of a word on average. Nothing is augmented."""
    rng = np.random.default_rng([0, 0])  # for ten words the clips of `speech_commands.evaluation_clips`
    words = list(held_out.words.values())
    own = np.concatenate(words)
    count = max(1, -(-len(own) // len(words)))
    silence = augmentation.backgrounds(held_out.backgrounds, count, rng)
    others = [clips for _, clips in sorted(held_out.unknown.items())]
    most = min(count, sum(map(len, others)))
    unknown = speech_commands.evenly(others, most, rng) if others else augmentation.no_words(own, count, rng)
    parts = [silence, unknown, *words]
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return Examples(speech_commands.features_of(np.concatenate(parts), front_end), labels)


def plain(material: Material, most: int, seed: int, front_end: FrontEnd = MFCC10) -> Float32:
    """Clips of all kinds, words as they were recorded, to record ranges over: features, `most` at most."""
    rng = np.random.default_rng([seed, 0])
    words = np.concatenate(list(material.words.values()))
    half = words[rng.permutation(len(words))[: most // 2]]
    parts = [
        *_unknown(material, most // 4, NOTHING_HARD.unknown, rng),
        *_silence(material, most // 4, NOTHING_HARD.silence, rng),
    ]
    return speech_commands.features_of(np.concatenate([half, *(clips for clips, _, _ in parts)]), front_end)


def expect_evenly(model: Any, negatives: float, words: int) -> None:
    """Let a network that heard this share of clips without a word no longer take words for them.

    Silence and unknown were heard more often than a word where words are many, and are answered more often where a
    network is unsure. Its last layer answers as if all had been heard equally often (logit adjustment: Menon et al.,
    arXiv:2007.07314); how sure it must be of a word is chosen afterwards.
    """
    excess = math.log((negatives / 2) / ((1 - negatives) / words))
    kernel, bias = model.get_layer("dense").get_weights()
    bias[:FIRST_WORD] -= max(0.0, excess)
    model.get_layer("dense").set_weights([kernel, bias])
