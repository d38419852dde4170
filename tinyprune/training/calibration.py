"""What is odd about calibration samples: signs that int8 would get ranges that cannot be right.

Sentences for the user, not errors: only the user can tell which inputs are real.
"""

import importlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.training import keras3
from tinyprune.training.quiet import quiet_tensorflow

Float32 = npt.NDArray[np.float32]

#: How many times as large (or small) as expected is odd.
_FAR = 4.0
#: The part of the samples that may be far from all others and is still called so, of this many at least.
_FEW, _FEWEST_SAMPLES = 0.05, 8
_LOOKED_AT = 64


@quiet_tensorflow()
def oddities(model: Any, samples: Float32) -> tuple[str, ...]:
    """A sentence for each oddity of samples `[samples, *input shape]` that a Keras model is to be quantized with."""
    same = _all_the_same(samples)
    return (same,) if same else tuple(filter(None, (_far_from_others(samples), _unlike_training(model, samples))))


def _all_the_same(samples: Float32) -> str:
    if (samples == samples.flat[0]).all():
        return f"all values of all {len(samples)} samples are {samples.flat[0]:g}: real inputs are needed"
    if len(samples) > 1 and (samples == samples[0]).all():
        return f"all {len(samples)} samples are the same one: different real inputs are needed"
    return ""


def _far_from_others(samples: Float32) -> str:
    """Of a few samples with values several times as far from the middle as those of all others."""
    if len(samples) < _FEWEST_SAMPLES:
        return ""
    reach = np.abs(samples - np.median(samples)).reshape(len(samples), -1).max(axis=1)
    order = np.argsort(-reach, kind="stable")
    sizes = reach[order]
    for count in range(math.ceil(_FEW * len(samples)), 0, -1):
        times = sizes[count - 1] / sizes[count] if sizes[count] else 0
        if times > _FAR:
            which = f"sample {order[0]} is" if count == 1 else f"{count} samples, such as {order[0]}, are"
            return (
                f"{which} at least {times:.0f} times as far out as all other samples (values up to "
                f"{np.abs(samples[order[0]]).max():g}): int8 would be spread over them; leave them out if they are "
                "mistakes"
            )
    return ""


def _unlike_training(model: Any, samples: Float32) -> str:
    """Of the first batch normalization that something else reaches than in training, by its own statistics."""
    norms = [layer for layer in model.layers if _has_statistics(layer)]
    if not norms:
        return ""
    seen = samples[:: -(-len(samples) // _LOOKED_AT)]
    for layer, values in zip(norms, _inputs_of(model, norms, seen), strict=True):
        mean, deviation = _moments(values, layer)
        trained = np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
        times = float(np.median(deviation / trained))
        shift = float(np.median(np.abs(mean - np.asarray(layer.moving_mean)) / trained))
        if 1 / _FAR <= times <= _FAR and shift <= _FAR:
            continue
        spread = (
            f"{times:.3g} times the spread" if not 1 / _FAR <= times <= _FAR else f"a mean {shift:.3g} deviations away"
        )
        return (
            f"these inputs are unlike those of the training: what reaches the batch normalization {layer.name} has "
            f"{spread} (values of the samples: {samples.min():g} to {samples.max():g}); scale them as in training"
        )
    return ""


def _has_statistics(layer: Any) -> bool:
    """Whether it is a batch normalization that was trained, in one place of the model."""
    if not all(hasattr(layer, name) for name in ("moving_mean", "moving_variance", "epsilon")):
        return False
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    return len(layer._inbound_nodes) == 1 and bool((mean != 0).any() or (variance != 1).any())


def _inputs_of(model: Any, layers: list[Any], samples: Float32) -> list[Float32]:
    """What reaches each of the layers, `[samples, …]`."""
    keras = importlib.import_module("keras" if keras3.is_keras_3(model) else "tf_keras")
    taps = keras.Model(model.inputs, [layer.input for layer in layers])
    found = taps(samples, training=False)
    return [np.asarray(each) for each in (found if isinstance(found, list | tuple) else [found])]


def _moments(values: Float32, layer: Any) -> tuple[Float32, Float32]:
    """Mean and standard deviation `[channels]` over all but the axis that a batch normalization keeps."""
    (axis,) = np.ravel(layer.axis)
    others = tuple(each for each in range(values.ndim) if each != axis % values.ndim)
    return values.mean(axis=others), values.std(axis=others)
