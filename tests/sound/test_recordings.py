"""Reading .wav files: one reader for training, benchmarks and boards."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.recordings import write_wav
from tinyprune.errors import DataError, UsageError
from tinyprune.sound import recordings

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
    with pytest.raises(DataError, match=f"a.wav: {message}.*ffmpeg -i .*a.wav -ac 1 -ar 16000 -sample_fmt s16"):
        recordings.read_wav(path)


def test_folders_say_the_word_as_they_are_named_be_they_links(tmp_path: Path) -> None:
    for name in ("_silence_", "_unknown_", "elsewhere"):
        write_wav(tmp_path / name / "a.wav", SAMPLES)
    (tmp_path / "yes").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "no").mkdir()
    (tmp_path / "no" / "b.wav").symlink_to(tmp_path / "elsewhere" / "a.wav")
    found = recordings.read([tmp_path], ["silence", "unknown", "yes", "no"])
    assert [Path(each.name).parent.name for each in found] == ["_silence_", "_unknown_", "no", "yes"]
    assert [each.word for each in found] == ["silence", "unknown", "no", "yes"]
    assert recordings.label_of("silence", ["_silence_", "yes"]) == "_silence_"
    assert recordings.label_of("_yes_", ["silence", "yes"]) is None


def test_the_advice_about_float_samples_and_paths_with_spaces_can_be_pasted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a b.wav", np.zeros(100), 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"unknown format: 3; `ffmpeg -i '\S*a b.wav' -ac 1 -ar 16000"):
        recordings.read_wav(tmp_path / "a b.wav")
    write_wav(tmp_path / "c d.wav", SAMPLES, channels=2)
    with pytest.raises(DataError, match=r"`ffmpeg -i '\S*c d.wav' -ac 1"):
        recordings.read_wav(tmp_path / "c d.wav")


def test_empty_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(DataError, match=r"a.wav: cannot be read as a PCM .wav: the file is empty"):
        recordings.read([tmp_path / "a.wav"], [])
    write_wav(tmp_path / "b.wav", SAMPLES[:0])
    for read in (recordings.read, recordings.read_streams):
        with pytest.raises(DataError, match=r"b.wav: the recording is empty; remove the file"):
            read([tmp_path / "b.wav"], [])
        with pytest.raises(DataError, match=r"a.wav: .*the file is empty; 1 more cannot be taken either: \S*b.wav$"):
            read([tmp_path / "a.wav", tmp_path / "b.wav"], [])


def test_streams_are_of_any_kind_in_folders_of_any_depth(tmp_path: Path) -> None:
    (tmp_path / "dog" / "small").mkdir(parents=True)
    soundfile.write(tmp_path / "dog" / "small" / "a b.flac", np.zeros((44_100, 2)), 44_100)
    write_wav(tmp_path / "yes" / "1.wav", SAMPLES)
    (tmp_path / "linked").symlink_to(tmp_path / "dog")
    found = recordings.read_streams([tmp_path], ["silence", "yes"])
    assert [(each.kind, each.word, len(each.pcm)) for each in found] == [
        ("dog", None, 16_000),
        ("linked", None, 16_000),
        ("yes", "yes", 200),
    ]
    assert recordings.read_streams([tmp_path / "yes" / "1.wav"], [])[0].kind == "yes"
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match=r"no recordings \(.wav, .flac, .ogg, .opus, .mp3\) in .*nothing"):
        recordings.read_streams([tmp_path / "nothing"], [])


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFF and nothing else")
    with pytest.raises(DataError, match=r"bad.wav: cannot be read as a PCM .wav"):
        recordings.read_wav(tmp_path / "bad.wav")
    with pytest.raises(UsageError, match=r"none.wav: no such file"):
        recordings.read_wav(tmp_path / "none.wav")
