"""The NumPy features against tf.signal, which the MLPerf Tiny training code uses."""

import numpy as np
import pytest

from tinyprune.sound import features
from tinyprune.training import models


def tensorflow_mfcc(audio):
    """The benchmark's front end as it is written there, out of TensorFlow's own parts."""
    import tensorflow as tf

    spectrum = tf.abs(tf.signal.stft(audio, 480, 320, fft_length=None, window_fn=tf.signal.hann_window))
    filters = tf.signal.linear_to_mel_weight_matrix(40, 257, 16000, 20.0, 4000.0)
    log_mel = tf.math.log(tf.tensordot(spectrum, filters, 1) + 1e-6)
    return tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., :10].numpy()


def sounds() -> np.ndarray:
    """Noise loud and faint, a chirp, an impulse, digital silence, full scale: int16 `[clips, samples]`.

    The pure tones carry a little noise: in bands without any energy the logarithm would show the FFT's own rounding.
    """
    rng = np.random.default_rng(0)
    time_s = np.arange(16_000) / 16_000
    chirp = np.sin(2 * np.pi * (50 + 3500 * time_s) * time_s) * 20_000 + rng.normal(scale=10, size=16_000)
    impulse = np.zeros(16_000)
    impulse[8_000] = 30_000
    full_scale = np.sign(np.sin(2 * np.pi * 440 * time_s)) * 32_767 + rng.normal(scale=10, size=16_000)
    noises = [rng.normal(scale=scale, size=16_000) for scale in (1, 30, 3_000)]
    return np.stack([*noises, chirp, impulse, np.zeros(16_000), full_scale]).clip(-32_768, 32_767).astype(np.int16)


def test_mfcc_equals_tf_signal():
    audio = features.normalize(sounds())
    ours = features.mfcc(audio)
    assert ours.dtype == np.float32
    assert ours.shape == (7, 49, 10)
    np.testing.assert_allclose(ours, tensorflow_mfcc(audio), atol=1e-3)
    assert ours.std() > 10


def test_digital_silence_is_the_log_offset():
    silent = features.mfcc(np.zeros((1, 16_000), dtype=np.float32))
    expected = np.log(1e-6) * 40 * 2 / np.sqrt(80)
    np.testing.assert_allclose(silent[..., 0], expected, rtol=1e-5)
    np.testing.assert_allclose(silent[..., 1:], 0, atol=1e-3)


def test_a_batch_longer_than_a_chunk_equals_its_clips_one_by_one():
    audio = np.random.default_rng(1).uniform(-1, 1, (features.CHUNK_CLIPS + 3, 16_000)).astype(np.float32)
    together = features.mfcc(audio)
    for index in (0, features.CHUNK_CLIPS - 1, features.CHUNK_CLIPS, len(audio) - 1):
        np.testing.assert_allclose(together[index], features.mfcc(audio[index : index + 1])[0], atol=1e-4)


def test_normalize_divides_by_the_largest_sample_not_the_largest_magnitude():
    pcm = np.array([[100, -400, 50], [-7, -1, 0]], dtype=np.int16)
    np.testing.assert_allclose(features.normalize(pcm), [[1.0, -4.0, 0.5], [-7 / 32768, -1 / 32768, 0]], rtol=1e-6)


def test_clips_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 8000\); expected \[clips, 16000\]"):
        features.mfcc(np.zeros((2, 8_000), dtype=np.float32))


def test_models_take_these_features():
    assert models.INPUT_SHAPE == (features.FRAMES, features.COEFFICIENTS, 1)
