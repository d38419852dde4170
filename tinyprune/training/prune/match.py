"""The second half of pruning without labels: all kept weights move together until the answers are the dense network's.

Reconstruction treats layers one by one, and their errors add up. Here the pruned network learns, on the same unlabelled
samples, to give the answers of the dense one (Hinton et al., "Distilling the Knowledge in a Neural Network",
arXiv:1503.02531): the mean squared difference of the answers, before a softmax, under a cosine learning rate. Steps
are parts of each weight tensor's size (Shazeer and Stern, "Adafactor", arXiv:1804.04235): where inputs are bytes, or
batch normalizations are folded, weights of one layer are many times those of another. Masks are held; batch
normalization keeps its statistics. Samples are few, so each epoch shows new mixtures of two of them (Zhang et al.,
"mixup", arXiv:1710.09412), whose answers the dense network tells as well.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyprune.errors import ModelError
from tinyprune.training.keras_model import has_symbols
from tinyprune.training.prune.kernels import Bool, Float32, kernels_of

EPOCHS = 40
BATCH_SAMPLES = 32
#: The first step, as a part of the root mean square of a tensor's weights.
LEARNING_RATE = 1e-2
#: The least square of a gradient: the product of two must not vanish in float32, or weights without a gradient are NaN.
LEAST_SQUARE = 1e-14


def match(dense: Any, pruned: Any, masks: Mapping[str, Bool], samples: Float32) -> frozenset[str]:
    """Adjust the pruned model in place, whose kernels hold the masks, and say which kernels could move: those of layers
    that are frozen, or behind the answer that is matched, stay as they are.

    Of a network with several outputs each counts alike. Raises ModelError where it diverges or all layers are frozen.
    """
    import tensorflow as tf
    from tf_keras import optimizers

    teacher, student = _answering(dense, masks), _answering(pruned, masks)
    variables = student.trainable_variables
    if not variables:
        raise ModelError(
            f"model {pruned.name} has nothing to match: all its layers are frozen (trainable = False); "
            "use method reconstruct"
        )
    steps = EPOCHS * math.ceil(len(samples) / BATCH_SAMPLES)
    rate = optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    optimizer = optimizers.Adafactor(rate, epsilon_1=LEAST_SQUARE, relative_step=False)
    optimizer.build(variables)
    answers = tf.nest.flatten(teacher.predict(samples, batch_size=BATCH_SAMPLES, verbose=0))
    powers = [float(np.mean(answer.astype(np.float64) ** 2)) or 1.0 for answer in answers]
    are_symbols = has_symbols(dense)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(batch: Any) -> Any:
        wanted = tf.nest.flatten(teacher(batch, training=False))
        with tf.GradientTape() as tape:
            answers = tf.nest.flatten(student(batch, training=False))
            apart = [tf.cast(a, tf.float32) - tf.cast(w, tf.float32) for a, w in zip(answers, wanted, strict=True)]
            loss = sum(tf.reduce_mean(each**2) / power for each, power in zip(apart, powers, strict=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    rng = np.random.default_rng(0)
    for _ in range(EPOCHS):
        shown = samples[rng.permutation(len(samples))] if are_symbols else _mixtures(samples, rng)
        losses = [float(step(batch)) for batch in _batches(shown)]
        if not np.isfinite(losses).all():
            raise ModelError(
                f"model {pruned.name} diverged while it was matched to the dense one; use reconstruct alone"
            )
    moved = {id(variable) for variable in variables}
    return frozenset(kernel.name for kernel in kernels_of(pruned) if id(kernel.variable) in moved)


def _answering(model: Any, masks: Mapping[str, Bool]) -> Any:
    """The network as far as the pruned layer that all its answer comes from, such as one before a softmax; or whole.

    Whole too, but for outputs that are no real numbers, where all that can be trained is behind that layer.
    """
    from tf_keras import Model

    pruned = {kernel.layer.name for kernel in kernels_of(model) if kernel.name in masks and kernel.is_used_once}
    tensor = model.outputs[0]
    while len(model.outputs) == len(tensor.node.keras_inputs) == 1:
        if tensor.node.layer.name in pruned and (part := Model(model.inputs, tensor)).trainable_variables:
            return part
        (tensor,) = tensor.node.keras_inputs
    return Model(model.inputs, [output for output in model.outputs if output.dtype.is_floating])


def _mixtures(samples: Float32, rng: np.random.Generator) -> Float32:
    """As many samples `[samples, ...]`, each between two of those given, at a random place."""
    first, second = (samples[rng.permutation(len(samples))] for _ in range(2))
    share = rng.random((len(samples), *(1 for _ in samples.shape[1:])), dtype=np.float32)
    return share * first + (1 - share) * second


def _batches(array: Any) -> list[Any]:
    return [array[start : start + BATCH_SAMPLES] for start in range(0, len(array), BATCH_SAMPLES)]
