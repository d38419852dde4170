"""Folders of samples of known classes."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.recordings import write_wav
from tinyprune.compiler.graph import Activation
from tinyprune.errors import DataError, UsageError
from tinyprune.measure import labelled
from tinyprune.sound import features

SMALL = Activation(0, "in", (2, 3, 1), np.float32(0.5), -1)
SPEECH = Activation(0, "in", (49, 10, 1), np.float32(0.6), 83)


def npy(path: Path, value: float, kind: type = np.float32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.full((2, 3), value, kind))


def noise(seed: int, count: int = 16_000) -> np.ndarray:
    return np.random.default_rng(seed).integers(-3000, 3000, count).astype(np.int16)


def test_folders_are_classes(tmp_path: Path) -> None:
    npy(tmp_path / "no/a.npy", 1.0)
    npy(tmp_path / "yes/a.npy", -2.0)
    npy(tmp_path / "yes/b.npy", 7, np.int8)
    (tmp_path / "yes/notes.txt").write_text("not a sample")
    (tmp_path / "_background_noise_").mkdir()
    found = labelled.read(tmp_path, SMALL, 2, None, None)
    assert found.names == ("no/a.npy", "yes/a.npy", "yes/b.npy")
    assert found.truth.labels == ("no", "yes")
    assert found.truth.classes.tolist() == [0, 1, 1]
    assert found.inputs.shape == (3, 2, 3, 1)
    assert [sample.flat[0] for sample in found.inputs] == [1, -5, 7]  # real / 0.5 - 1; int8 as it is
    assert found.left_out == ()


def test_labels_say_which_output_a_folder_is(tmp_path: Path) -> None:
    for word in ("yes", "no", "cat"):
        npy(tmp_path / word / "a.npy", 1.0)
    found = labelled.read(tmp_path, SMALL, 3, ("silence", "yes", "no"), None)
    assert found.names == ("yes/a.npy", "no/a.npy")
    assert found.truth.classes.tolist() == [1, 2]
    assert found.left_out == ("cat",)


def test_a_limit_takes_the_same_share_of_each_class(tmp_path: Path) -> None:
    for word, count in {"a": 10, "b": 3, "c": 1}.items():
        for number in range(count):
            npy(tmp_path / word / f"{number}.npy", 1.0)
    found = labelled.read(tmp_path, SMALL, 3, None, 7)
    assert found.names == ("a/0.npy", "a/4.npy", "a/9.npy", "b/0.npy", "b/2.npy", "c/0.npy")
    assert labelled.read(tmp_path, SMALL, 3, None, 7).names == found.names
    assert len(labelled.read(tmp_path, SMALL, 3, None, 100).names) == 14


def test_recordings_become_features(tmp_path: Path) -> None:
    """Short ones are padded, long ones cut; and a .npy of the features gives the same bytes."""
    write_wav(tmp_path / "a/short.wav", noise(1, 9_000))
    write_wav(tmp_path / "b/long.wav", noise(2, 20_000))
    heard = features.MFCC10.of(np.stack([np.pad(noise(1, 9_000), (0, 7_000)), noise(2, 20_000)[:16_000]]))
    np.save(tmp_path / "a/short.npy", heard[0])
    found = labelled.read(tmp_path, SPEECH, 2, None, None)
    assert found.names == ("a/short.npy", "a/short.wav", "b/long.wav")
    expected = np.clip(np.rint(heard.astype(np.float64) / 0.6) + 83, -128, 127).astype(np.int8)
    np.testing.assert_array_equal(found.inputs[1:, :, :, 0], expected)
    np.testing.assert_array_equal(found.inputs[0], found.inputs[1])


def test_the_layout_of_mlperf_tiny(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.bin").write_bytes(bytes([number] * 5 + [0xFF]))
    (tmp_path / "y_labels.csv").write_text("2.bin,12,11\n0.bin,12,4\n1.bin, 12, 0\n")
    found = labelled.read(tmp_path, SMALL, 12, None, None)
    assert found.names == ("2.bin", "0.bin", "1.bin")
    assert found.truth.classes.tolist() == [11, 4, 0]
    assert found.inputs[0].ravel().tolist() == [2, 2, 2, 2, 2, -1]
    assert found.truth.labels[11] == "11"


def test_an_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", inputs=np.ones((4, 6), np.float32), labels=np.array([0, 1, 1, 0]))
    found = labelled.read(tmp_path / "set.npz", SMALL, 2, ("a", "b"), None)
    assert found.inputs.shape == (4, 2, 3, 1)
    assert found.truth.classes.tolist() == [0, 1, 1, 0]
    assert labelled.read(tmp_path / "set.npz", SMALL, 2, ("a", "b"), 2).truth.classes.tolist() == [0, 1]


def refused(path: Path, message: str, tensor: Activation = SMALL, outputs: int = 2, **more: object) -> None:
    kind = UsageError if more.pop("usage", False) else DataError
    with pytest.raises(kind, match=re.escape(message)):
        labelled.read(path, tensor, outputs, more.get("labels"), None)  # type: ignore[arg-type]


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "nothing: no such folder of samples, nor an .npz", usage=True)
    refused(tmp_path, "has 0 class folders, the network 2 outputs: say with --class-names", usage=True)
    refused(tmp_path, "3 labels were given (a, b, c); the network has 2 outputs", usage=True, labels=("a", "b", "c"))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    refused(tmp_path, "has no .wav or .npy in folders named a, b", usage=True)
    np.save(tmp_path / "a/x.npy", np.zeros(5, np.float32))
    refused(tmp_path, "x.npy: an input of shape [2, 3, 1] is needed, not [5]")
    np.save(tmp_path / "a/x.npy", np.full(6, np.nan, np.float32))
    refused(tmp_path, "x.npy: sample 0 has NaN or infinity")
    np.save(tmp_path / "a/x.npy", np.zeros(6, np.int32))
    refused(tmp_path, "x.npy: int8 or real values are needed, not int32")


def test_wrong_recordings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_wav(tmp_path / "a/x.wav", noise(1))
    takes = "to hear, a network has to take 49 frames of 10 MFCC or 49 frames of 40 log-mel bands"
    refused(tmp_path, f"x.wav: {takes}; this one takes 2×3×1")
    write_wav(tmp_path / "a/x.wav", noise(1), rate_hz=44_100)
    hint = "the network hears 1 channel of 16 bits at 16,000 Hz: `ffmpeg -i "
    refused(tmp_path, f"x.wav: 1 channel of 16 bits at 44,100 Hz; {hint}", SPEECH)
    write_wav(tmp_path / "a/x.wav", noise(1), channels=2)
    refused(tmp_path, "x.wav: 2 channels of 16 bits", SPEECH)
    (tmp_path / "a/x.wav").write_bytes(b"RIFF")
    refused(tmp_path, "x.wav: cannot be read as a PCM .wav", SPEECH)


def test_wrong_indices_and_archives_are_refused(tmp_path: Path) -> None:
    index = tmp_path / "y_labels.csv"
    index.write_text("a.bin,2\n")
    refused(tmp_path, "y_labels.csv: lines of `file,number of classes,class` are needed")
    index.write_text("")
    refused(tmp_path, "y_labels.csv: it names no file")
    index.write_text("a.bin,2,0\n")
    refused(tmp_path, "a.bin: No such file or directory; y_labels.csv names it")
    (tmp_path / "a.bin").write_bytes(bytes(5))
    refused(tmp_path, "a.bin: 6 bytes are needed, not 5")
    (tmp_path / "a.bin").write_bytes(bytes(6))
    index.write_text("a.bin,3,2\n")
    refused(tmp_path, "has class 2; the network has 2 outputs, counted from 0")
    archive = tmp_path / "x.npz"
    np.savez(archive, inputs=np.zeros((2, 6), np.int8))
    refused(archive, "x.npz: an .npz with the arrays `inputs` and `labels` is needed")
    np.savez(archive, inputs=np.zeros((2, 6), np.int8), labels=np.zeros(3, int))
    refused(archive, "labels must be one whole number for each of the 2 inputs")
    np.savez(archive, inputs=np.zeros((2, 5), np.int8), labels=np.zeros(2, int))
    refused(archive, "inputs of shape [2, 3, 1] are needed, not [5]")


def test_a_split_is_of_the_zoos_labels(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--split goes with networks of the labels silence, unknown, yes"):
        labelled.read_split(tmp_path, "validation", SPEECH, ("a", "b"))
    with pytest.raises(UsageError, match="not unknown ones: give --class-names"):
        labelled.read_split(tmp_path, "validation", SPEECH, None)
