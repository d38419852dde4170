"""`tinyprune train`, from a folder of tones that stand for words to firmware that knows their names."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.recordings import write_own, write_wav
from tests.tasks.conftest import Run
from tinyprune.training import keywords, zoo

OPTIONS = ("--words", "high,low", "--epochs", "3", "-o", "net")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two words of a tone each, by six speakers, a third word, and a kind of sound; epochs are small."""
    monkeypatch.setattr(keywords, "WORD_CLIPS", 160)
    monkeypatch.setattr(keywords, "MINED_CLIPS", 60)
    monkeypatch.setattr("tinyprune.tasks.train.RANGE_CLIPS", 100)
    write_own(tmp_path / "own")
    rng = np.random.default_rng(0)
    for number in range(5):
        write_wav(tmp_path / "noises" / "hiss" / f"{number}.wav", rng.normal(scale=2_000, size=32_000))
    return tmp_path


@pytest.mark.tflm
@pytest.mark.compiler
def test_a_folder_of_recordings_becomes_a_network_that_a_build_takes(run: Run, own: Path) -> None:
    hum = 2_000 * np.sin(2 * np.pi * 50 * np.arange(32_000) / 16_000)
    write_wav(own / "noises/hum/0.wav", hum)
    code, out, err = run("train", "own", *OPTIONS, "--negatives", "noises", "--leave-out", "hum", "--json", "-q")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["labels"] == ["silence", "unknown", "high", "low"]
    assert report["training_clips"]["high"] + report["held_out_clips"]["high"] == 18
    assert np.array(report["confusion"]).sum(axis=1)[2:].tolist() == list(report["held_out_clips"].values())
    right = np.trace(report["confusion"]) / np.sum(report["confusion"])
    assert report["accuracy_percent"] == pytest.approx(100 * right)
    assert report["accuracy_percent"] > 50
    assert {each["kind"] for each in report["streams"]} == {"words", "unknown words", "hiss", "hum, left out"}
    (here,) = (point for point in report["curve"] if point["threshold"] == report["rule"]["threshold"])
    assert here["streams"] == report["streams"]
    assert any(text.startswith("few clips (high 18, low 18)") for text in report["warnings"])
    assert not (own / "net.training").exists()

    entry = zoo.load("ds-cnn-s-2x4", own / "net")
    assert entry.accuracy.int8 == pytest.approx(right)
    kernel = zoo.build_model(entry, own / "net").get_layer("pointwise_2").kernel.numpy()
    assert (kernel == 0).mean() == 0.5
    build = ("build", "--board", "host", "--audio", "--model", report["output"], "--no-run", "-q")
    assert run(*build)[0] == 0
    assert '"high"' in "".join(path.read_text() for path in Path("build/host").rglob("audio_config.c"))

    dense = zoo.load("ds-cnn-s-dense", own / "net")
    assert (dense.pattern, dense.accuracy, [stage.name for stage in dense.stages]) == (
        "dense",
        entry.dense_accuracy,
        ["dense", "dense, closing"],
    )
    described = own / "net" / "ds-cnn-s-2x4.json"
    fields = json.loads(described.read_text())
    default = {"every_hops": 10, "smoothed": 4, "threshold": 0.6, "holdoff_hops": 75, "quiet_below": 0}
    assert fields["rule"] == report["rule"] == default
    described.write_text(json.dumps(fields | {"rule": fields["rule"] | {"smoothed": 7}}))
    assert run(*build)[0] == 0
    assert "#define TP_DETECTOR_SMOOTHED 7" in next(Path("build/host").rglob("audio_config.h")).read_text()

    described.unlink()
    code, _, err = run(*build)
    assert (code, "--audio needs the names of the network's classes" in err) == (2, True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.tflm
@pytest.mark.compiler
@pytest.mark.parametrize(
    ("options", "architecture", "name"),
    [
        (("--front-end", "logmel40"), "ds-cnn", "ds-cnn-s-logmel40-2x4"),
        (("--architecture", "tc-resnet", "--size", "L"), "tc-resnet", "tc-resnet-l-2x4"),
    ],
)
def test_a_network_of_log_mel_bands_is_built_with_them(
    run: Run, own: Path, options: tuple[str, ...], architecture: str, name: str
) -> None:
    code, out, err = run("train", "own", *OPTIONS, *options, "--json", "-q")
    assert (code, err) == (0, "")
    report, entry = json.loads(out), zoo.load(name, own / "net")
    assert (report["front_end"], entry.front_end, entry.architecture) == ("logmel40", "logmel40", architecture)
    noted = f"the zoo has no float weights of {architecture}, size {entry.size}, for logmel40: training from nothing"
    assert noted in report["notes"]
    code, out, _ = run("build", "--board", "host", "--audio", "--model", report["output"], "--json", "-q")
    assert (code, json.loads(out)["audio"]["front_end"]) == (0, "logmel40")
    code, out, _ = run("audio", "--board", "host", "own/high/0/0.wav", "own/low/0/0.wav", "--json", "-q")
    assert (code, json.loads(out)["compared"]) == (0, 2)


def test_a_stopped_training_goes_on_and_another_request_is_told(
    run: Run, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []
    prepared = keywords.epoch_clips

    def stop_in_the_third(*arguments, **options):
        epochs.append(arguments[3])
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return prepared(*arguments, **options)

    monkeypatch.setattr(keywords, "epoch_clips", stop_in_the_third)
    code, _, err = run("train", "own", *OPTIONS)
    assert (code, "dense, epoch 1: loss" in err) == (130, True)
    assert sorted(path.name for path in own.iterdir() if path.name.startswith("net")) == ["net.training"]
    code, _, err = run("train", "own", *OPTIONS, "--seed", "4")
    assert (code, "is the unfinished training of another request (differing in: seed)" in err) == (2, True)
    epochs += [0] * 10
    code, out, err = run("train", "own", *OPTIONS)
    assert code == 0
    assert "dense, epoch 1" not in err
    assert "closing, epoch 1: loss" in err
    assert "2:4, epoch 2: loss" in err
    assert "accuracy  " in out
    assert "WARNING   few clips" in out
    assert f"next      tinyprune build --board BOARD --audio --model net{os.sep}ds-cnn-s-2x4.tflite" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nowhere", "-o", "net"), 2, "nowhere: no such folder; give one with a folder of recordings for each word"),
        (("own", "--words", "high,up", "-o", "net"), 2, "own has no folder up; it has high, low, other"),
        (("own", "--words", "high,high", "-o", "net"), 2, "--words names no word, or one twice"),
        (("own", "--words", "_silence_", "-o", "net"), 2, "--words _silence_: silence and unknown words are in every"),
        (("own", "--negatives", "none", "-o", "net"), 2, "none: no such folder; --negatives is a folder of folders"),
        (("own", "--leave-out", "dog", "-o", "net"), 2, "--leave-out names kinds of sound of --negatives"),
        (("own", "--negatives", "noises", "--leave-out", "dog", "-o", "net"), 2, "--leave-out dog: noises has hiss"),
        (("own", "--speech-commands", "noises", "-o", "net"), 1, "noises is not a copy of Speech Commands"),
        (("own", "-o", "file"), 2, "file is a file; -o is the folder that the network goes into"),
        (("own", "-o", "own/net"), 2, f"own{os.sep}net is in own, where folders are words; give another -o"),
        (("odd", "-o", "net"), 2, 'folders in odd: "a,b" must be up to 32 letters'),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    run: Run, own: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    (own / "file").touch()
    (own / "odd" / "a,b").mkdir(parents=True)
    found, _, err = run("train", *arguments, "-q")
    assert (found, err.count("\n")) == (code, 1)
    assert f"error: {message}" in err
    assert not (own / "net").exists()
