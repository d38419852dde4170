"""A network that begins with the zoo's weights."""

import numpy as np

from tinyprune.sound.features import LOGMEL40, MFCC10
from tinyprune.training import warm_start, zoo


def test_shared_labels_answer_as_the_zoos_network_does() -> None:
    """Logits of "yes" and silence are the zoo's, whatever stands beside them; another word's are new."""
    import tf_keras

    labels = ("silence", "unknown", "marvin", "yes")
    model = warm_start.start("S", labels, 1, MFCC10)
    entry = zoo.load("ds-cnn-s-dense")
    known = zoo.build_model(entry)
    inputs = np.random.default_rng(0).normal(scale=10, size=(8, 49, 10, 1)).astype(np.float32)
    answers, wanted = (
        tf_keras.Model(each.inputs, each.get_layer("dense").output).predict(inputs, verbose=0)
        for each in (model, known)
    )
    shared = [number for number, label in enumerate(labels) if label in entry.labels]
    assert shared == [0, 1, 3]
    theirs = wanted[:, [entry.labels.index(labels[number]) for number in shared]]
    assert np.abs(answers[:, shared] - theirs).max() < 0.2 * np.abs(theirs).max()  # int8 is simulated in the zoo's
    assert all(layer.momentum == 0.9 for layer in model.layers if "_bn" in layer.name)


def test_a_size_without_weights_begins_anew_by_its_seed() -> None:
    asked = (("S", MFCC10), ("S", LOGMEL40), ("L", MFCC10))
    found = [warm_start.known(*each, "ds-cnn") for each in asked]
    assert [entry and entry.name for entry in found] == ["ds-cnn-s-dense", None, None]
    first, again, other = (warm_start.start("L", ("silence", "unknown", "yes"), seed, MFCC10) for seed in (1, 1, 2))
    kernels = [each.get_layer("conv").kernel.numpy() for each in (first, again, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])
