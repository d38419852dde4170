"""The NumPy features against tf.signal, which the MLPerf Tiny training code uses."""

import numpy as np
import pytest

from tinyprune.errors import UsageError
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
    ours = features.MFCC10.of(sounds())
    assert ours.dtype == np.float32
    assert ours.shape == (7, 49, 10)
    np.testing.assert_allclose(ours, tensorflow_mfcc(audio), atol=1e-3)
    assert ours.std() > 10


def test_digital_silence_is_the_log_offset():
    silent = features.MFCC10.transform(np.zeros((1, 16_000), dtype=np.float32))
    expected = np.log(1e-6) * 40 * 2 / np.sqrt(80)
    np.testing.assert_allclose(silent[..., 0], expected, rtol=1e-5)
    np.testing.assert_allclose(silent[..., 1:], 0, atol=1e-3)


@pytest.mark.parametrize("front_end", features.FRONT_ENDS.values(), ids=features.FRONT_ENDS)
def test_a_batch_longer_than_a_chunk_equals_its_clips_one_by_one(front_end):
    audio = np.random.default_rng(1).uniform(-1, 1, (features.CHUNK_CLIPS + 3, 16_000)).astype(np.float32)
    together = front_end.transform(audio)
    for index in (0, features.CHUNK_CLIPS - 1, features.CHUNK_CLIPS, len(audio) - 1):
        np.testing.assert_allclose(together[index], front_end.transform(audio[index : index + 1])[0], atol=1e-4)


def test_normalize_divides_by_the_largest_sample_not_the_largest_magnitude():
    pcm = np.array([[100, -400, 50], [-7, -1, 0]], dtype=np.int16)
    np.testing.assert_allclose(features.normalize(pcm), [[1.0, -4.0, 0.5], [-7 / 32768, -1 / 32768, 0]], rtol=1e-6)


def test_clips_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 8000\); expected \[clips, 16000\]"):
        features.MFCC10.transform(np.zeros((2, 8_000), dtype=np.float32))


def test_log_mel_equals_tf_signal():
    import tensorflow as tf

    ours = features.LOGMEL40.of(sounds())
    audio = sounds() / np.float32(32_768)
    spectrum = tf.abs(tf.signal.stft(audio, 480, 320, fft_length=None, window_fn=tf.signal.hann_window))
    filters = tf.signal.linear_to_mel_weight_matrix(40, 257, 16000, 20.0, 7600.0)
    np.testing.assert_allclose(ours, tf.math.log(tf.tensordot(spectrum, filters, 1) + 1e-3), atol=1e-3)
    assert ours.shape == (7, 49, 40)
    assert ours.std() > 1


def test_a_frame_of_log_mel_knows_its_own_samples_only():
    """So that firmware may compute it as they come; what is loud elsewhere changes nothing."""
    quiet = sounds()[1:2]
    louder = quiet.copy()
    louder[0, 8_100] = 30_000
    changed = (features.LOGMEL40.of(quiet) != features.LOGMEL40.of(louder)).any(axis=(0, 2))
    first, last = (8_100 - 480) // 320 + 1, 8_100 // 320
    assert list(np.flatnonzero(changed)) == list(range(first, last + 1))


def test_a_network_chooses_its_front_end_by_what_it_takes():
    assert features.front_end_for((49, 10, 1)) is features.MFCC10
    assert features.front_end_for((1, 49, 40)) is features.LOGMEL40
    with pytest.raises(UsageError, match="49 frames of 10 MFCC or 49 frames of 40 log-mel bands; this one takes 49×12"):
        features.front_end_for((49, 12))
    for front_end in features.FRONT_ENDS.values():
        assert models.ds_cnn("S", 3, front_end=front_end).input_shape == (None, *front_end.shape, 1)
