"""What is held out of a training as streams of sound, in which words are hit and false alarms counted.

Words and other words come one after the other with a faint noise between them; of each kind of sound every recording is
a stream of its own, behind a second of silence, as `tinyprune audio --stream` has it.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from tinyprune.measure import hearing_rule, streams
from tinyprune.measure.hearing_rule import FEWEST_WORDS, Stream
from tinyprune.measure.streams import Spoken
from tinyprune.sound.detector import DEFAULT_RULE, Rule
from tinyprune.sound.features import CLIP_SAMPLES, SAMPLE_RATE_HZ
from tinyprune.sound.recordings import Int16
from tinyprune.training import augmentation
from tinyprune.training.keywords import Material

#: Of a stream of clips: what is between them, and how many there are at most.
PAUSE_S, STREAM_CLIPS = 1.5, 400
PAUSE_LEVEL = 20
#: The names of the streams of clips among kinds of sound.
WORDS, OTHER_WORDS, SPEECH = "words", "unknown words", "speech"
#: How the names of kinds end that nothing was trained on.
LEFT_OUT = ", left out"

Clips = Sequence[tuple[str, Int16]]


class Passage(NamedTuple):
    """A recording `[samples]`, what is said in it when, and how much of it counts as listened to."""

    kind: str
    seconds: float
    pcm: Int16
    said: tuple[Spoken, ...] = ()


def rule_for(content: bytes, labels: Sequence[str], choosing: Sequence[Passage]) -> Rule:
    """The rule for this int8 .tflite."""
    return hearing_rule.choose(looked(content, choosing), labels, DEFAULT_RULE)


def looked(content: bytes, passages: Sequence[Passage]) -> list[Stream]:
    """The int8 .tflite's answers, which any rule that looks as often as the default one can take for words."""
    every = DEFAULT_RULE.every_hops
    return [Stream(p.kind, p.seconds, p.said, streams.look(content, p.pcm, every)) for p in passages]


def halves(held_out: Material, trained_on: Collection[str]) -> tuple[list[Passage], list[Passage]]:
    """What a rule is chosen with, and what it is measured with: nothing and all where words are few.

    Kinds of sound that are not `trained_on` choose nothing.
    """
    rng = np.random.default_rng(0)
    words = _shuffled([(word, pcm) for word, clips in held_out.words.items() for pcm in clips], rng)
    others = _shuffled([("", pcm) for clips in held_out.unknown.values() for pcm in clips], rng)
    sounds = {kind: list(found) for kind, found in held_out.sounds.items() if kind in trained_on}
    sounds[SPEECH] = list(held_out.speech)
    left_out = [
        alone(f"{kind}{LEFT_OUT}", pcm)
        for kind, found in held_out.sounds.items()
        for pcm in found
        if kind not in trained_on
    ]
    if len(words) < 2 * FEWEST_WORDS:
        return [], _passages(words, others, sounds) + left_out
    first, second = (
        _passages(words[n::2], others[n::2], {kind: found[n::2] for kind, found in sounds.items()}) for n in (0, 1)
    )
    return first, second + left_out


def _shuffled(clips: Clips, rng: np.random.Generator) -> Clips:
    return [clips[number] for number in rng.permutation(len(clips))]


def _passages(words: Clips, others: Clips, sounds: dict[str, list[Int16]]) -> list[Passage]:
    rng = np.random.default_rng(0)
    room = augmentation.to_int16(augmentation.noise(1, rng, 10 * SAMPLE_RATE_HZ)[0][None] * PAUSE_LEVEL)[0]
    found = []
    for kind, clips in ((WORDS, words), (OTHER_WORDS, others)):
        if clips:
            stream, said = streams.joined(clips[:STREAM_CLIPS], room, PAUSE_S)
            found.append(Passage(kind, len(stream) / SAMPLE_RATE_HZ, stream, tuple(said)))
    return found + [alone(kind, pcm) for kind, recordings in sounds.items() for pcm in recordings]


def alone(kind: str, pcm: Int16) -> Passage:
    """A recording without words, behind a second of silence, so that it is looked at from its start on."""
    before = np.zeros(CLIP_SAMPLES, np.int16)
    return Passage(kind, len(pcm) / SAMPLE_RATE_HZ, np.concatenate([before, pcm]))
