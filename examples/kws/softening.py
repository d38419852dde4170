"""What makes a network learn more of the same clips: features hidden, clips mixed, answers less sure.

Label smoothing (Szegedy et al., arXiv:1512.00567), what teachers answer (Hinton et al., arXiv:1503.02531), mixtures of
two clips (Zhang et al., "mixup", arXiv:1710.09412), hidden stretches of time and coefficients (Park et al.,
"SpecAugment", arXiv:1904.08779). `recipe.py` tries each of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyprune.sound.features import Float32
from tinyprune.training.keras_model import Examples


@dataclass(frozen=True, slots=True)
class Softening:
    """How much of each; the defaults change nothing."""

    smoothing: float = 0.0
    """This part of a target is spread over all classes."""
    teaching: float = 0.0
    """This part of it is what the teachers answer."""
    mixing: float = 0.0
    """The share of an epoch's clips that have another one mixed in."""
    hidden_frames: int = 0
    """At most so many frames in a row are hidden."""
    hidden_coefficients: int = 0


NOTHING = Softening()


def soften(
    clips: Examples, classes: int, how: Softening, rng: np.random.Generator, taught: Float32 | None = None
) -> Examples:
    """Features `[clips, frames, coefficients, 1]` and classes → features and probabilities `[clips, classes]`.

    `taught` is what teachers answer to the clips, `[clips, classes]`.
    """
    targets = np.eye(classes, dtype=np.float32)[clips.targets]
    targets = (1 - how.smoothing) * targets + how.smoothing / classes
    if taught is not None:
        targets = (1 - how.teaching) * targets + how.teaching * taught
    softened = Examples(_hidden(clips.inputs, how, rng), targets.astype(np.float32))
    return _mixed(softened, how.mixing, rng) if how.mixing else softened


def _hidden(inputs: Float32, how: Softening, rng: np.random.Generator) -> Float32:
    """Of each clip a stretch of time and one of coefficients are its mean of each coefficient."""
    means = inputs.mean(axis=1, keepdims=True)
    hidden = _stretch(len(inputs), inputs.shape[1], how.hidden_frames, rng)[:, :, np.newaxis, np.newaxis]
    bands = _stretch(len(inputs), inputs.shape[2], how.hidden_coefficients, rng)[:, np.newaxis, :, np.newaxis]
    return np.where(hidden | bands, means, inputs).astype(np.float32)


def _stretch(clips: int, length: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """For each clip, 0 to `most` positions in a row out of `length`."""
    widths = rng.integers(most + 1, size=(clips, 1))
    starts = rng.integers(length - widths + 1)
    positions = np.arange(length)
    return np.asarray((positions >= starts) & (positions < starts + widths))


def _mixed(clips: Examples, share: float, rng: np.random.Generator) -> Examples:
    """The other clip is the fainter one, and counts as much as it is heard."""
    other = rng.permutation(len(clips.inputs))
    part = (rng.uniform(0, 0.5, len(other)) * (rng.random(len(other)) < share)).astype(np.float32)
    volume = part[:, np.newaxis, np.newaxis, np.newaxis]
    return Examples(
        clips.inputs + volume * (clips.inputs[other] - clips.inputs),
        clips.targets + part[:, np.newaxis] * (clips.targets[other] - clips.targets),
    )
