"""Small networks for tests that build firmware: one of every operator, and one that fits nowhere."""

from typing import Any

import numpy as np

from tests import tflite_models as t
from tinyprune.compiler import sparsity


def weights(rng: np.random.Generator, *shape: int, pruned: bool = False, pattern: str = "2:4") -> np.ndarray:
    values = rng.integers(-127, 128, shape).astype(np.int8)
    if pruned:
        rows = values.reshape(shape[0], -1)
        values = (rows * sparsity.parse(pattern).mask(rows.astype(np.float64))).reshape(shape)
    return values


def every_operator(pruned: bool = True, pattern: str = "2:4") -> bytes:
    """A DS-CNN of odd sizes; the convolutions and the fully connected layer follow the pattern where `pruned`."""
    rng = np.random.default_rng(11)

    pruning: dict[str, Any] = {"pruned": pruned, "pattern": pattern}

    def scales(channels: int) -> list[float]:
        return [float(s) for s in rng.uniform(0.001, 0.004, channels)]

    layers = [
        t.Conv(
            weights=weights(rng, 16, 5, 4, 1, **pruning),
            weight_scales=scales(16),
            bias=rng.integers(-500, 500, 16).astype(np.int32),
            stride=(2, 2),
            padding="SAME",
            activation="RELU",
            scale=0.05,
            zero_point=-128,
        ),
        t.Depthwise(
            weights=weights(rng, 3, 3, 16),
            weight_scales=scales(16),
            padding="SAME",
            activation="RELU6",
            scale=0.03,
            zero_point=-120,
        ),
        t.Conv(
            weights=weights(rng, 24, 1, 1, 16, **pruning),
            weight_scales=scales(24),
            scale=0.04,
            zero_point=3,
        ),
        t.Pool(kernel=(3, 3), stride=(2, 1)),
        t.Flatten(),
        t.Dense(
            weights=weights(rng, 7, 144, **pruning),
            weight_scales=scales(1),
            scale=0.1,
            zero_point=-9,
        ),
        t.Soft(),
    ]
    return t.model(t.Input((11, 10, 1), 0.1, 4), layers)


def relu_fields(rng: np.random.Generator, taps: int, channels: int) -> dict[str, Any]:
    return {
        "weight_scales": [float(s) for s in rng.uniform(0.003, 0.006, channels)],
        "bias": rng.integers(-2000, 2000, channels).astype(np.int32),
        "activation": "RELU",
        "zero_point": -128,
        "scale": 0.02 * max(1, (taps / 9) ** 0.5),
    }


def mobile_net(size: int = 96, pruned: bool = False) -> bytes:
    """MobileNet v1 with a quarter of the channels, as MLPerf Tiny's visual wake words have it at 96: random weights."""
    rng, channels = np.random.default_rng(5), 8
    first = weights(rng, channels, 3, 3, 3)
    layers: list[t.Layer] = [t.Conv(weights=first, stride=(2, 2), padding="SAME", **relu_fields(rng, 27, channels))]
    pairs = [(1, 16), (2, 32), (1, 32), (2, 64), (1, 64), (2, 128), *[(1, 128)] * 5, (2, 256), (1, 256)]
    for stride, outputs in pairs:
        taps, fields = weights(rng, 3, 3, channels), relu_fields(rng, 9, channels)
        layers.append(t.Depthwise(weights=taps, stride=(stride, stride), padding="SAME", **fields))
        taps, fields = weights(rng, outputs, 1, 1, channels, pruned=pruned), relu_fields(rng, channels, outputs)
        layers.append(t.Conv(weights=taps, **fields))
        channels = outputs
    rows = weights(rng, 2, channels, pruned=pruned)
    side = -(-size // 32)
    tail = [t.Pool(kernel=(side, side)), t.Flatten(), t.Dense(weights=rows, scale=0.1, zero_point=-9), t.Soft()]
    return t.model(t.Input((size, size, 3), 0.05, -5), [*layers, *tail])


def autoencoder(pruned: bool = False) -> bytes:
    """Fully connected, 640 → 128 … 8 … 128 → 640, as MLPerf Tiny's anomaly detection has it: random weights."""
    rng, features = np.random.default_rng(6), 640
    layers: list[t.Layer] = []
    for outputs in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        fields = relu_fields(rng, features, outputs) | {"weight_scales": [0.004]}
        layers.append(t.Dense(weights=weights(rng, outputs, features, pruned=pruned), **fields))
        features = outputs
    layers.append(t.Dense(weights=weights(rng, 640, features, pruned=pruned), scale=0.3, zero_point=20))
    return t.model(t.Input((640,), 0.1, 3), layers)


def one_dense(features: int, outputs: int, pruned: bool = False) -> bytes:
    rng = np.random.default_rng(2)
    return t.model(t.Input((features,)), [t.Dense(weights=weights(rng, outputs, features, pruned=pruned))])


def keywords(width: int) -> bytes:
    """Hears 49 frames of so many features, and tells four classes apart."""
    rng = np.random.default_rng(7)
    first, rows = weights(rng, 4, 8, 4, 1), weights(rng, 4, 4)
    layers: list[t.Layer] = [
        t.Conv(weights=first, stride=(4, 4), padding="SAME", **relu_fields(rng, 32, 4)),
        t.Pool(kernel=(13, -(-width // 4))),
        t.Flatten(),
        t.Dense(weights=rows, scale=0.1, zero_point=-9),
        t.Soft(),
    ]
    return t.model(t.Input((49, width, 1), 14 / 255, -1), layers)


def ds_cnn(pruned: bool = True, tail: bool = True) -> bytes:
    """A small DS-CNN whose maps are five columns wide, as those of the keyword spotters are; with `tail`, ending in
    classes."""
    rng = np.random.default_rng(21)

    def relu(channels: int) -> dict[str, Any]:
        return {
            "weight_scales": [float(s) for s in rng.uniform(0.002, 0.006, channels)],
            "bias": rng.integers(-3000, 3000, channels).astype(np.int32),
            "activation": "RELU",
            "zero_point": -128,
        }

    def pair(channels: int, outputs: int) -> list[t.Layer]:
        return [
            t.Depthwise(weights=weights(rng, 3, 3, channels), padding="SAME", scale=0.06, **relu(channels)),
            t.Conv(weights=weights(rng, outputs, 1, 1, channels, pruned=pruned), scale=0.1, **relu(outputs)),
        ]

    first = weights(rng, 16, 10, 4, 1, pruned=pruned)
    layers = [
        t.Conv(weights=first, stride=(2, 2), padding="SAME", scale=0.1, **relu(16)),
        *pair(16, 24),
        *pair(24, 12),
        *pair(12, 20),
        t.Pool(kernel=(7, 5)),
        t.Flatten(),
        t.Dense(weights=weights(rng, 6, 20, pruned=pruned), weight_scales=[0.003], scale=0.1, zero_point=-9),
        t.Soft(),
    ]
    return t.model(t.Input((13, 10, 1), 0.1, 4), layers if tail else layers[:5])
