"""What is held out of a training as streams of sound, in which words are hit and false alarms counted.

Words and other words come one after the other with a faint noise between them; of each kind of sound every recording is
a stream of its own, behind a second of silence, as `tinyprune audio --stream` has it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinyprune.detector import DEFAULT_RULE, Rule
from tinyprune.features import CLIP_SAMPLES, SAMPLE_RATE_HZ
from tinyprune.measure import hearing_rule, streams
from tinyprune.measure.hearing_rule import FEWEST_WORDS, Stream
from tinyprune.measure.streams import Spoken, Tally
from tinyprune.recordings import Int16
from tinyprune.training import augmentation
from tinyprune.training.keywords import Material

#: Of a stream of clips: what is between them, and how many there are at most.
PAUSE_S, STREAM_CLIPS = 1.5, 400
PAUSE_LEVEL = 20
#: The names of the streams of clips among kinds of sound.
WORDS, OTHER_WORDS, SPEECH = "words", "unknown words", "speech"

Clips = Sequence[tuple[str, Int16]]


class _Recording(NamedTuple):
    kind: str
    seconds: float
    pcm: Int16
    said: tuple[Spoken, ...]


def listened(content: bytes, labels: Sequence[str], held_out: Material) -> tuple[Rule, tuple[Tally, ...]]:
    """The rule for this int8 .tflite, and hits and false alarms by kind with it.

    Where there are words enough, the rule is chosen on one half, and the other is measured.
    """
    rng = np.random.default_rng(0)
    words = _shuffled([(word, pcm) for word, clips in held_out.words.items() for pcm in clips], rng)
    others = _shuffled([("", pcm) for clips in held_out.unknown.values() for pcm in clips], rng)
    sounds = {kind: list(found) for kind, found in held_out.sounds.items()} | {SPEECH: list(held_out.speech)}
    if len(words) < 2 * FEWEST_WORDS:
        heard = _looked(content, _recordings(words, others, sounds), DEFAULT_RULE.every_hops)
        return DEFAULT_RULE, hearing_rule.tallies(heard, labels, DEFAULT_RULE)
    first, second = (
        _looked(
            content,
            _recordings(words[n::2], others[n::2], {kind: found[n::2] for kind, found in sounds.items()}),
            DEFAULT_RULE.every_hops,
        )
        for n in (0, 1)
    )
    rule = hearing_rule.choose(first, labels, DEFAULT_RULE)
    return rule, hearing_rule.tallies(second, labels, rule)


def _shuffled(clips: Clips, rng: np.random.Generator) -> Clips:
    return [clips[number] for number in rng.permutation(len(clips))]


def _recordings(words: Clips, others: Clips, sounds: dict[str, list[Int16]]) -> list[_Recording]:
    rng = np.random.default_rng(0)
    room = augmentation.to_int16(augmentation.noise(1, rng, 10 * SAMPLE_RATE_HZ)[0][None] * PAUSE_LEVEL)[0]
    found = []
    for kind, clips in ((WORDS, words), (OTHER_WORDS, others)):
        if clips:
            stream, said = streams.joined(clips[:STREAM_CLIPS], room, PAUSE_S)
            found.append(_Recording(kind, len(stream) / SAMPLE_RATE_HZ, stream, tuple(said)))
    before = np.zeros(CLIP_SAMPLES, np.int16)
    for kind, recordings in sounds.items():
        for pcm in recordings:
            found.append(_Recording(kind, len(pcm) / SAMPLE_RATE_HZ, np.concatenate([before, pcm]), ()))
    return found


def _looked(content: bytes, recordings: Sequence[_Recording], every_hops: int) -> list[Stream]:
    return [Stream(r.kind, r.seconds, r.said, streams.look(content, r.pcm, every_hops)) for r in recordings]
