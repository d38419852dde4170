"""How much each layer's pruning changes the network's answers, and from that a threshold for each layer.

Han et al., "Learning both Weights and Connections for Efficient Neural Networks", arXiv:1506.02626, section 3.1: layers
differ in how much pruning they bear, so each gets a threshold λ = s·σ of its own. Here without labels: one layer at a
time is pruned by each s, and what the network answers is compared with what the dense one does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune.compiler.sparsity import Threshold
from tinyprune.errors import ModelError, UsageError
from tinyprune.training.keras_model import check_samples
from tinyprune.training.prune.kernels import Float32, clone, kernels_of

#: s, in standard deviations of a layer's dense weights.
DEVIATIONS = tuple(step / 8 for step in range(1, 25))
#: More samples change the answer's mean square by little.
MOST_SAMPLES = 128
BATCH_SAMPLES = 64
#: Halvings of the interval in which the tolerance is sought.
HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Response:
    """What one threshold does to the network, on one layer alone."""

    threshold: Threshold
    weights: int
    zeros: int
    error: float
    """Mean squared difference of the answers over their variance."""


Scan = Mapping[str, Sequence[Response]]
"""For each kernel its responses, by rising threshold."""


def patterns(model: Any, samples: npt.NDArray[np.generic], sparsity: float) -> dict[str, Threshold]:
    """A threshold for each kernel that bears one, so that together `sparsity` of the prunable weights go."""
    names = [kernel.name for kernel in kernels_of(model) if kernel.option]
    return {name: response.threshold for name, response in choose(scan(model, names, samples), sparsity).items()}


def scan(model: Any, names: Sequence[str], samples: npt.NDArray[np.generic]) -> Scan:
    """The responses of a tf_keras model's kernels of these names, on unlabelled `samples` `[samples, *input shape]`."""
    inputs = check_samples(model, samples, "sensitivity")[:MOST_SAMPLES]
    if len(model.outputs) != 1:
        raise ModelError(f"model {model.name} has {len(model.outputs)} outputs; sensitivity is scanned of one")
    copy = clone(model, {})
    dense = _answers(copy, inputs)
    variance = float(dense.var()) or 1.0
    responses: dict[str, list[Response]] = {}
    for kernel in kernels_of(copy):
        if kernel.name not in names:
            continue
        weights = kernel.matrix()
        for deviations in DEVIATIONS:
            mask = Threshold(deviations).mask(weights)
            kernel.assign(weights * mask)
            error = float(((_answers(copy, inputs) - dense) ** 2).mean()) / variance
            zeros = int((~mask).sum())
            responses.setdefault(kernel.name, []).append(Response(Threshold(deviations), mask.size, zeros, error))
        kernel.assign(weights)
    return responses


def choose(responses: Scan, sparsity: float) -> dict[str, Response]:
    """For each kernel the highest threshold under one common error, the least that removes `sparsity` of all weights.

    Raises UsageError for a share that no threshold of the scan reaches.
    """
    wanted = sparsity * sum(each[0].weights for each in responses.values())
    most = sum(each[-1].zeros for each in responses.values())
    if not responses:
        raise ModelError("the model has no layer to prune: no convolution, dense layer or LSTM")
    if not 0 < wanted <= most:
        share = most / sum(each[0].weights for each in responses.values())
        raise UsageError(f"sparsity {sparsity:g} is out of range: thresholds reach shares up to {share:.3f} here")
    low, high = 0.0, max(response.error for each in responses.values() for response in each)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        zeros = sum(response.zeros for response in _under(responses, middle).values())
        low, high = (low, middle) if zeros >= wanted else (middle, high)
    return _under(responses, high)


def _under(responses: Scan, error: float) -> dict[str, Response]:
    """The highest thresholds whose error is no larger; a layer without one stays dense."""
    allowed = {name: [response for response in each if response.error <= error] for name, each in responses.items()}
    return {name: each[-1] for name, each in allowed.items() if each}


def _answers(model: Any, samples: Float32) -> Float32:
    from tensorflow import nest

    (answers,) = nest.flatten(model.predict(samples, batch_size=BATCH_SAMPLES, verbose=0))  # of a dict, maybe
    return np.asarray(answers)
