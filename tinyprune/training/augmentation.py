"""What a network for keywords hears so that it keeps silent when no word is spoken.

Real sounds as they come from anywhere (`sounds`: at another speed, turned over, mixed, loud and faint), sounds made
here (tones, clicks, faint noise), and words that are none (halved, reversed, glued). All of it is
`[clips, samples]` of 16 bits at 16 kHz, and everything random comes from the generator that is given.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tinyprune.sound.features import CLIP_SAMPLES, SAMPLE_RATE_HZ
from tinyprune.sound.recordings import FULL_SCALE, Int16
from tinyprune.training.speech_commands import stretches

Real = npt.NDArray[np.float64]

#: A sound may be so much faster or slower, and its peak lies between these, of 32,767.
SPEED = 0.18
#: A word may be so much faster and higher, or slower and deeper.
WORD_SPEED = 0.15
FAINTEST, LOUDEST = 60.0, 30_000.0
MIXED = 0.3
TONES_HZ = (60.0, 7_000.0)
#: Where in a clip a word may be cut, as parts of a second.
CUT = (0.35, 0.65)
FADE_SAMPLES = 160


def sounds(recordings: Sequence[Int16], count: int, rng: np.random.Generator) -> Int16:
    """Random seconds of recordings longer than one, as other copies of their kind might sound."""
    longest = int(CLIP_SAMPLES * (1 + SPEED)) + 1
    long_enough = tuple(long_recording(recording, longest + 1) for recording in recordings)
    return levelled(_mixed(np.stack([_one_sound(long_enough, longest, rng) for _ in range(count)]), rng), rng)


def long_recording(recording: Int16, least: int) -> Int16:
    """A recording of at least so many samples: a shorter one comes again and again."""
    return recording if len(recording) >= least else np.resize(recording, least)


def _one_sound(recordings: tuple[Int16, ...], longest: int, rng: np.random.Generator) -> Real:
    recording = recordings[int(rng.integers(len(recordings)))]
    start = int(rng.integers(len(recording) - longest + 1))
    speed = rng.uniform(1 - SPEED, 1 + SPEED)
    positions = start + speed * np.arange(CLIP_SAMPLES)
    turned = 1 if rng.random() < 0.5 else -1
    taken = np.interp(positions, np.arange(start, start + longest), recording[start : start + longest])
    return np.asarray(turned * taken)


def _mixed(clips: Real, rng: np.random.Generator) -> Real:
    """Some of the clips with another one in the background."""
    peaks = np.abs(clips).max(axis=1, keepdims=True) + 1
    other = rng.permutation(len(clips))
    volume = rng.uniform(0, 1, (len(clips), 1)) * (rng.random((len(clips), 1)) < MIXED)
    return np.asarray(clips / peaks + volume * (clips / peaks)[other])


def levelled(clips: Real, rng: np.random.Generator) -> Int16:
    """Each with a peak of its own, evenly spread over decibels."""
    peaks = np.exp(rng.uniform(np.log(FAINTEST), np.log(LOUDEST), (len(clips), 1)))
    return to_int16(clips * peaks / (np.abs(clips).max(axis=1, keepdims=True) + 1e-9))


def to_int16(clips: Real) -> Int16:
    return np.rint(np.clip(clips, -FULL_SCALE, FULL_SCALE)).astype(np.int16)


def tones(count: int, rng: np.random.Generator) -> Int16:
    """One to three sines, steady, gliding or beeping, on top of a little noise."""
    time_s = np.arange(CLIP_SAMPLES) / SAMPLE_RATE_HZ
    clips = np.zeros((count, CLIP_SAMPLES))
    for clip in clips:
        for _ in range(int(rng.integers(1, 4))):
            hertz = np.exp(rng.uniform(*np.log(TONES_HZ)))
            glide = rng.uniform(-0.5, 0.5) * hertz if rng.random() < 0.3 else 0.0
            phase = 2 * np.pi * (hertz * time_s + glide * time_s**2 / 2 + rng.random())
            beeps = np.sin(2 * np.pi * (rng.uniform(1, 8) * time_s + rng.random())) > 0 if rng.random() < 0.4 else 1.0
            clip += rng.uniform(0.2, 1) * np.sin(phase) * beeps
    return to_int16(levelled(clips, rng) + rng.normal(scale=rng.uniform(0, 3, (count, 1)), size=clips.shape))


def clicks(count: int, rng: np.random.Generator) -> Int16:
    """Knocks, ticks and pops: short decaying bursts, regular or not, on top of a little noise."""
    clips = np.zeros((count, CLIP_SAMPLES))
    for clip in clips:
        number = int(rng.integers(1, 12))
        regular = np.arange(number) * CLIP_SAMPLES / number + rng.uniform(0, CLIP_SAMPLES / number)
        starts = regular if rng.random() < 0.5 else rng.uniform(0, CLIP_SAMPLES, number)
        length = int(np.exp(rng.uniform(np.log(16), np.log(1600))))
        burst = rng.normal(size=length) * np.exp(-5 * np.arange(length) / length)
        for start in starts.astype(int):
            part = burst[: CLIP_SAMPLES - start] * rng.uniform(0.3, 1)
            clip[start : start + len(part)] += part
    return to_int16(levelled(clips, rng) + rng.normal(scale=rng.uniform(0, 10, (count, 1)), size=clips.shape))


def noise(count: int, rng: np.random.Generator, samples: int = CLIP_SAMPLES) -> Real:
    """`[count, samples]` with the spectrum of a power of the frequency, from violet to brown, of deviation 1."""
    spectrum = np.fft.rfft(rng.normal(size=(count, samples)))
    slope = rng.uniform(-1.0, 0.5, (count, 1))
    frequencies = np.maximum(np.arange(spectrum.shape[1]), 20 * samples / SAMPLE_RATE_HZ)
    coloured = np.fft.irfft(spectrum * frequencies**slope, n=samples)
    return np.asarray(coloured / coloured.std(axis=1, keepdims=True))


def faint_noise(count: int, rng: np.random.Generator) -> Int16:
    """What a microphone gives in a quiet room: a few steps of noise, or nothing at all."""
    deviation = np.exp(rng.uniform(np.log(0.2), np.log(100), (count, 1))) * (rng.random((count, 1)) < 0.95)
    return to_int16(noise(count, rng) * deviation)


def other_voices(words: Int16, rng: np.random.Generator) -> Int16:
    """As if others said the words: each faster and higher or slower and deeper, about its middle."""
    time = np.arange(CLIP_SAMPLES)
    middle = CLIP_SAMPLES / 2
    speeds = rng.uniform(1 - WORD_SPEED, 1 + WORD_SPEED, len(words))
    clips = [
        np.interp(middle + speed * (time - middle), time, word, left=0, right=0)
        for word, speed in zip(words, speeds, strict=True)
    ]
    return to_int16(np.stack(clips))


def halved(words: Int16, rng: np.random.Generator) -> Int16:
    """The beginning or the end of each word, the rest is quiet."""
    clips = words.astype(np.float64)
    cuts = (rng.uniform(*CUT, len(clips)) * CLIP_SAMPLES).astype(int)
    fades = np.clip((np.arange(CLIP_SAMPLES) - cuts[:, None]) / FADE_SAMPLES, 0, 1)
    first = rng.random((len(clips), 1)) < 0.5
    return to_int16(clips * np.where(first, 1 - fades, fades) + rng.normal(scale=4, size=clips.shape))


def reversed_words(words: Int16, _rng: np.random.Generator) -> Int16:
    """Each word from its end to its beginning."""
    return words[:, ::-1].copy()


def glued(words: Int16, rng: np.random.Generator) -> Int16:
    """The end of one word behind the beginning of another, or the other way round in time."""
    other = words[rng.permutation(len(words))].astype(np.float64)
    cuts = (rng.uniform(*CUT, len(words)) * CLIP_SAMPLES).astype(int)
    fades = np.clip((np.arange(CLIP_SAMPLES) - cuts[:, None]) / FADE_SAMPLES, 0, 1)
    return to_int16(
        np.roll(words, CLIP_SAMPLES // 2, axis=1) * (1 - fades) + np.roll(other, CLIP_SAMPLES // 2, axis=1) * fades
    )


#: Sounds made here, and words that are none, each with its part of what is heard of them.
MADE: tuple[Callable[[int, np.random.Generator], Int16], ...] = (tones, clicks, faint_noise)
NO_WORDS: tuple[Callable[[Int16, np.random.Generator], Int16], ...] = (halved, reversed_words, glued)


def made_sounds(count: int, rng: np.random.Generator) -> Int16:
    """Equally many of each of MADE."""
    return np.concatenate([make(each, rng) for make, each in zip(MADE, shares(count, len(MADE)), strict=True)])


def no_words(words: Int16, count: int, rng: np.random.Generator) -> Int16:
    """Equally many of each of NO_WORDS, of random words `[clips, samples]`."""
    parts = [
        make(words[rng.integers(len(words), size=each)], rng)
        for make, each in zip(NO_WORDS, shares(count, len(NO_WORDS)), strict=True)
        if each
    ]
    return np.concatenate(parts) if parts else words[:0]


def backgrounds(recordings: Sequence[Int16], count: int, rng: np.random.Generator) -> Int16:
    """Random seconds of recordings as they are."""
    return stretches(tuple(long_recording(each, CLIP_SAMPLES + 1) for each in recordings), count, rng)


def shares(count: int, parts: int) -> list[int]:
    """`count` in as many parts, as even as whole numbers allow."""
    return [count // parts + (number < count % parts) for number in range(parts)]
