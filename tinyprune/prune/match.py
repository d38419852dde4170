"""The second half of pruning without labels: all kept weights move together until the answers are the dense network's.

Reconstruction treats layers one by one, and their errors add up. Here the pruned network learns, on the same unlabelled
samples, to give the answers of the dense one (Hinton et al., "Distilling the Knowledge in a Neural Network",
arXiv:1503.02531): the mean squared difference of what the last pruned layer answers, by Adam under a cosine learning
rate. Masks are held; batch normalization keeps its statistics.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyprune.errors import ModelError
from tinyprune.prune.kernels import Bool, Float32, kernels_of

EPOCHS = 20
BATCH_SAMPLES = 32
LEARNING_RATE = 1e-3


def match(dense: Any, pruned: Any, masks: Mapping[str, Bool], samples: Float32) -> None:
    """Adjust the pruned model in place, whose kernels hold the masks. Raises ModelError where it diverges."""
    import tensorflow as tf
    from tf_keras import optimizers

    once = [kernel.layer.name for kernel in kernels_of(dense) if kernel.name in masks and kernel.is_used_once]
    teacher, student = (_up_to(model, once[-1]) if once else model for model in (dense, pruned))
    answers = np.concatenate([teacher.predict_on_batch(batch) for batch in _batches(samples)])
    steps = EPOCHS * math.ceil(len(samples) / BATCH_SAMPLES)
    optimizer = optimizers.Adam(optimizers.schedules.CosineDecay(LEARNING_RATE, steps))
    optimizer.build(student.trainable_variables)
    power = float(np.mean(answers.astype(np.float64) ** 2)) or 1.0

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(batch: Any, wanted: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((student(batch, training=False) - wanted) ** 2) / power
        variables = student.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    rng = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = rng.permutation(len(samples))
        losses = [float(step(samples[part], answers[part])) for part in _batches(order)]
        if not np.isfinite(losses).all():
            raise ModelError(
                f"model {pruned.name} diverged while it was matched to the dense one; use reconstruct alone"
            )


def _up_to(model: Any, layer: str) -> Any:
    from tf_keras import Model

    return Model(model.inputs, model.get_layer(layer).output)


def _batches(array: Any) -> list[Any]:
    return [array[start : start + BATCH_SAMPLES] for start in range(0, len(array), BATCH_SAMPLES)]
