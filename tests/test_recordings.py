"""Reading .wav files: one reader for training, benchmarks and boards."""

from pathlib import Path

import numpy as np
import pytest

from tests.recordings import write_wav
from tinyprune import recordings
from tinyprune.errors import DataError, UsageError

SAMPLES = np.arange(-100, 100, dtype=np.int16)


@pytest.mark.parametrize("count", [0, 1, 15_999, 16_000, 16_001, 48_000])
def test_one_second_is_padded_or_cut(count: int) -> None:
    pcm = np.arange(1, count + 1).astype(np.int16)
    second = recordings.one_second(pcm)
    assert (second.shape, second.dtype) == ((16_000,), np.int16)
    np.testing.assert_array_equal(second[:count], pcm[:16_000])
    assert not second[count:].any()


def test_samples_come_unchanged_from_the_file(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", SAMPLES)
    found = recordings.read_wav(tmp_path / "a.wav")
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, SAMPLES)


def test_a_file_that_ends_too_early_gives_the_samples_that_are_there(tmp_path: Path) -> None:
    path = Path(write_wav(tmp_path / "a.wav", SAMPLES))
    path.write_bytes(path.read_bytes()[:-101])
    np.testing.assert_array_equal(recordings.read_wav(path), SAMPLES[:149])


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"rate_hz": 44_100}, "1 channel of 16 bits at 44,100 Hz; the network hears 1 channel of 16 bits at 16,000 Hz"),
        ({"channels": 2}, "2 channels of 16 bits at 16,000 Hz"),
        ({"sample_bytes": 1}, "1 channel of 8 bits"),
    ],
)
def test_recordings_of_another_kind_are_refused_with_the_command_that_converts_them(
    tmp_path: Path, form: dict[str, int], message: str
) -> None:
    path = Path(write_wav(tmp_path / "a.wav", SAMPLES, **form))
    with pytest.raises(DataError, match=f"a.wav: {message}.*ffmpeg -i a.wav -ac 1 -ar 16000 -sample_fmt s16"):
        recordings.read_wav(path)


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFF and nothing else")
    with pytest.raises(DataError, match=r"bad.wav: cannot be read as a PCM .wav"):
        recordings.read_wav(tmp_path / "bad.wav")
    with pytest.raises(UsageError, match=r"none.wav: no such file"):
        recordings.read_wav(tmp_path / "none.wav")
