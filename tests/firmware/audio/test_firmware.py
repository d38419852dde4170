"""Firmware that hears: samples over the serial protocol, features and classes back, on the PC and in the emulator."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests import ctrl_c, networks
from tests.device.emulators.firmware import sanitizing_host_compiler
from tests.firmware.audio.native import ZERO_POINT, Native, front_end
from tests.firmware.audio.test_front_end import recording_like
from tests.recordings import write_wav
from tinyprune.cli import show
from tinyprune.compiler import oracle, reader, samples
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS, Emulator
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError
from tinyprune.firmware import output, toolchain
from tinyprune.firmware.audio import Rule, ear
from tinyprune.firmware.audio.tables import Arithmetic
from tinyprune.measure import streams
from tinyprune.sound import features
from tinyprune.tasks import build as build_task
from tinyprune.training import speech_commands, zoo

pytestmark = pytest.mark.compiler

ROOT = Path(__file__).parents[3]
M0PLUS = str(ROOT / "benchmarks/boards/m0plus.toml")
MODEL = zoo.FOLDER / f"{zoo.DEFAULT}.tflite"
GRAPH = reader.read(MODEL.read_bytes())
LABELS = speech_commands.LABELS
Run = Callable[..., tuple[int, str, str]]


def build(folder: Path, board: str, compiler: str | None = None) -> Path:
    request = build_task.BuildRequest(
        boards.load(board), folder, MODEL, compiler=compiler, audio=True, class_names=LABELS, run=False
    )
    build_task.run_build(request, lambda _stage: None)
    return folder


def start(folder: Path, board_name: str, *, profile: bool = False) -> Emulator:
    board = boards.load(board_name)
    return EMULATORS[board.emulators[0]](output.load(folder, board)[0], board, profile=profile)


def shown_input(device: Device, heard_as: features.FrontEnd = features.MFCC10) -> np.ndarray:
    """What `db print` shows: `[frames, width]`."""
    digits = "".join(line.removeprefix("m-buffer-").replace("-", "") for line in device.command("db print"))
    return np.frombuffer(bytes.fromhex(digits), np.int8).reshape(heard_as.shape)


def python_features(pcm: np.ndarray) -> np.ndarray:
    heard = features.MFCC10.of(pcm[None])
    return samples.quantize(heard.reshape(1, *GRAPH.inputs[0].shape), GRAPH.inputs[0], "test")[0].reshape(49, 10)


def check_clip(device: Device, pcm: np.ndarray) -> None:
    """The features are Python's, and the class is that of the network on the features that the board found."""
    clip = ear.hear(device, pcm)
    padded = np.pad(pcm, (0, 16_000 - len(pcm)))
    found = shown_input(device)
    difference = np.abs(found.astype(int) - python_features(padded))
    assert difference.max() <= 1
    assert (difference == 0).mean() > 0.98
    expected, _ = oracle.expected(MODEL.read_bytes(), GRAPH, found.reshape(1, *GRAPH.inputs[0].shape))
    assert np.array_equal(device.output(), expected[0])
    assert clip.label == LABELS[int(expected[0].argmax())]
    assert clip.score == pytest.approx((int(expected[0].max()) + 128) / 256, abs=2e-3)
    assert (clip.frames.times, clip.features.times, clip.network.times) == (49, 1, 1)


@pytest.mark.emulator
@pytest.mark.parametrize("board", ["nano33", M0PLUS], ids=["float on M4F", "fixed on M0+"])
def test_the_emulated_board_hears(tmp_path: Path, compiler: str, board: str) -> None:
    folder = build(tmp_path / "out", board, compiler)
    wanted: Arithmetic = "float" if board == "nano33" else "fixed"
    other = "fixed" if board == "nano33" else "float"
    assert GRAPH.inputs[0].zero_point == ZERO_POINT
    assert (folder / f"project/audio/tp_audio_{wanted}.c").is_file()
    assert not (folder / f"project/audio/tp_audio_{other}.c").exists()
    with closing(start(folder, board)) as link:
        device = Device(link)
        device.connect()
        assert ear.labels(device) == LABELS
        check_clip(device, recording_like(8, 500)[:9_001])
        check_clip(device, recording_like(7, 8_000))
        here = Native(tmp_path / "native", front_end(wanted, scale=float(GRAPH.inputs[0].scale)))
        assert np.array_equal(shown_input(device), here.of_clip(recording_like(7, 8_000)))  # to the last bit


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("board", "frame_cycles", "features_cycles"), [("nano33", 60_000, 200_000), (M0PLUS, 160_000, 300_000)]
)
def test_the_report_has_what_the_front_end_costs(
    tmp_path: Path, board: str, frame_cycles: int, features_cycles: int
) -> None:
    request = build_task.BuildRequest(
        boards.load(board), tmp_path / "out", MODEL, audio=True, class_names=LABELS, compared_inputs=2
    )
    report = build_task.run_build(request, lambda _stage: None)
    trial = report.audio
    assert trial is not None
    assert trial.features_compared == 490
    assert trial.features_equal > 480
    assert trial.largest_difference <= 1
    assert trial.frame is not None
    assert trial.features is not None
    assert trial.stack_bytes == report.stack_bytes
    frame, look = trial.frame.modelled_cycles, trial.features.modelled_cycles
    assert frame is not None
    assert look is not None
    assert frame_cycles / 3 < trial.frame.instructions < frame < frame_cycles
    assert features_cycles / 3 < trial.features.instructions < look < features_cycles
    assert trial.modelled_cycles_a_second == pytest.approx(50 * frame + 5 * look, rel=1e-4)
    # The firmware's own clock shows the same cycles: a frame and what brings its samples, a look and two readings.
    with closing(start(tmp_path / "out", board, profile=True)) as link:
        device = Device(link)
        device.connect()
        clip = ear.hear(device, recording_like(7, 8_000))
        profile = link.profile()
    clock_mhz = 64
    assert {each.name: each.calls for each in profile.functions} == {"tp_audio_frame": 49, "tp_audio_features": 1}
    assert frame * 49 / clock_mhz < clip.frames.time_us < 1.3 * frame * 49 / clock_mhz
    assert clip.features.time_us == pytest.approx(look / clock_mhz, rel=0.02)
    shown = "\n".join(show.summary_lines(report))
    assert "a word: 4 looks with a mean score of 0.6\n" in shown
    assert f"{frame:,} a frame of 20 ms, {look:,} a look" in shown
    assert re.search(r"10 MFCC in (float|fixed point): \d+ of 490 features of a second equal Python's", shown)
    assert "| `audio/` | from sound to" in (tmp_path / "out/project/README.md").read_text()
    assert json.loads((tmp_path / "out/report.json").read_text())["audio"]["frame"]["modelled_cycles"] == frame


@pytest.mark.emulator
@pytest.mark.parametrize(("board", "arithmetic"), [("nano33", "float"), (M0PLUS, "fixed")])
def test_a_network_of_log_mel_bands_gets_them(tmp_path: Path, board: str, arithmetic: Arithmetic) -> None:
    """The emulated core's features are those of the C on this PC, which test_front_end.py holds to Python's."""
    (tmp_path / "bands.tflite").write_bytes(networks.keywords(40))
    labels = ("silence", "unknown", "yes", "no")
    model, output_folder = tmp_path / "bands.tflite", tmp_path / "out"
    request = build_task.BuildRequest(
        boards.load(board), output_folder, model, audio=True, class_names=labels, compared_inputs=2
    )
    report = build_task.run_build(request, lambda _stage: None)
    assert report.bit_exact
    assert report.audio is not None
    assert (report.audio.front_end, report.audio.arithmetic) == ("logmel40", arithmetic)
    assert report.audio.features_compared == 1960
    assert report.audio.features_equal > 1930
    assert f"40 log-mel bands in {arithmetic}" in "\n".join(show.summary_lines(report))
    with closing(start(tmp_path / "out", board)) as link:
        device = Device(link)
        device.connect()
        ear.hear(device, recording_like(7, 8_000))
        made = front_end(arithmetic, None, 14 / 255, -1, features.LOGMEL40)
        here = Native(tmp_path / "native", made).of_clip(recording_like(7, 8_000))
        assert np.array_equal(shown_input(device, features.LOGMEL40), here)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Firmware for the PC, under sanitizers."""
    return build_sanitized(tmp_path_factory.mktemp("host") / "out", "host")


def build_sanitized(folder: Path, board: str) -> Path:
    compiler = sanitizing_host_compiler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toolchain, "find", lambda *_: compiler)
        return build(folder, board)


def pc_board(folder: Path, *, fpu: bool) -> str:
    text = (ROOT / "boards/host.toml").read_text()
    path = folder / "pc.toml"
    path.write_text(text if fpu else text.replace("fpu = true", "fpu = false"))
    return str(path)


@pytest.mark.parametrize("fpu", [True, False], ids=["float", "fixed"])
def test_no_sound_overflows_anything(tmp_path: Path, fpu: bool) -> None:
    board = pc_board(tmp_path, fpu=fpu)
    folder, rng, time_s = build_sanitized(tmp_path / "out", board), np.random.default_rng(0), np.arange(16_000) / 16_000
    sounds = [
        *(rng.integers(-32_768, 32_768, 16_000) for _ in range(3)),
        *(np.full(16_000, level) for level in (-32_768, -1, 1, 32_767)),
        *(32_767 * np.sign(np.sin(2 * np.pi * pitch_hz * time_s)) for pitch_hz in (1, 31.25, 440, 3_999, 8_000)),
        np.where(np.arange(16_000) == 8_000, 1, -32_768),
        rng.integers(-1, 2, 16_000),
    ]
    with closing(start(folder, board)) as link:
        device = Device(link)
        device.connect()
        for sound in sounds:
            assert ear.hear(device, sound.astype(np.int16)).frames.times == 49


@pytest.fixture
def device(host: Path) -> Iterator[Device]:
    with closing(start(host, "host")) as link:
        started = Device(link)
        started.connect()
        yield started


def test_the_pc_hears_without_undefined_behaviour(device: Device) -> None:
    assert ear.labels(device) == LABELS
    for seed in range(3):
        check_clip(device, recording_like(seed, 10.0 ** (seed + 2)))
    check_clip(device, np.zeros(0, np.int16))
    check_clip(device, np.full(16_000, -32_768, np.int16))
    assert "audio BASE64" in " ".join(device.command("help"))


def test_a_long_recording_is_looked_at_as_the_rule_says(device: Device) -> None:
    stream = np.concatenate([recording_like(seed, 5_000) for seed in range(3)])
    clip = ear.hear(device, stream)
    assert clip.features.times == clip.network.times == (150 - 50) // Rule().every_hops + 1
    assert clip.frames.times == 149
    assert np.abs(shown_input(device).astype(int) - python_features(stream[-16_000:])).max() <= 1


@pytest.mark.tflm
def test_seconds_below_the_gate_are_not_looked_at(tmp_path: Path) -> None:
    """Loud, faint, loud again: firmware and the Python chain hear the same, and the network rests meanwhile."""
    request = build_task.BuildRequest(
        boards.load("host"), tmp_path, MODEL, audio=True, class_names=LABELS, run=False, gate_db=-50
    )
    build_task.run_build(request, lambda _stage: None)
    rule = Rule(quiet_below=104)
    loud = np.concatenate([recording_like(seed, 20_000) for seed in range(48, 52)])  # two words to the network
    stream = np.concatenate([loud, (loud / 400).astype(np.int16), loud])
    expected = streams.listen(MODEL.read_bytes(), LABELS, stream, rule)
    with closing(start(tmp_path, "host")) as link:
        device = Device(link)
        device.connect()
        clip = ear.hear(device, stream)
    assert [(word.label, word.time_s) for word in clip.heard] == [(each.word, each.time_s) for each in expected]
    assert len(expected) >= 4
    largest = np.array(streams.look(MODEL.read_bytes(), stream, rule.every_hops).largest)
    assert clip.network.times == (largest >= 104).sum() < len(largest) - 10


def test_settings_of_the_microphone_are_in_the_header(run: Run, tmp_path: Path) -> None:
    def defined(*options: str) -> dict[str, str]:
        code, _, err = run("build", "--board", "nano33sense", "--audio", "--no-run", "-q", "-o", "out", *options)
        assert (code, err) == (0, "")
        text = (tmp_path / "out/project/audio/audio_config.h").read_text()
        return dict(re.findall(r"#define (\w+) (\d+)$", text, re.MULTILINE))

    assert defined().items() >= {"TP_MICROPHONE_GAIN": "20", "TP_DETECTOR_QUIET_BELOW": "0"}.items()
    louder = defined("--gain", "7.5", "--gate", "-40")
    assert louder.items() >= {"TP_MICROPHONE_GAIN": "55", "TP_DETECTOR_QUIET_BELOW": "328"}.items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gain", "5"), "--gain and --gate go with --audio"),
        (("--audio", "--gain", "21"), "--gain 21: it lies between -20 and 20"),
        (("--audio", "--gate", "3"), "--gate 3: it lies between -90 and 0"),
        (("--audio", "--gate", "nan"), "--gate nan: it lies between -90 and 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(run: Run, options: tuple[str, ...], message: str) -> None:
    code, _, err = run("build", "--board", "nano33sense", "--no-run", "-q", *options)
    assert (code, message in err) == (2, True)


def test_what_audio_leaves_behind_can_be_inferred_again(device: Device) -> None:
    ear.hear(device, recording_like(9, 4_000))
    before = device.output()
    device.infer()
    assert np.array_equal(device.output(), before)


def test_samples_take_the_arena_of_the_last_output(device: Device) -> None:
    ear.hear(device, recording_like(9, 4_000))
    device.command("audio start")
    device.command("audio AAAA" + "AAAA")
    with pytest.raises(TargetError, match="No inference has run"):
        device.output()


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ("audio", "audio needs labels, start, end or samples in base64"),
        ("audio AAAA", "Begin with audio start"),
        ("audio end", "Begin with audio start"),
        ("audio start now", "Unexpected: now"),
    ],
)
def test_refusals_before_the_start(device: Device, command: str, refusal: str) -> None:
    with pytest.raises(TargetError, match=re.escape(f"e-[{refusal}]")):
        device.command(command)


@pytest.mark.parametrize(
    "text", ["AAA", "AAAAA", "AA=A", "A===", "====", "AAA=AAAA", "AAA*", "AAAA", "AAA~", "A" * 73, "A" * 72 + "=="]
)
def test_what_is_no_base64_of_samples_is_refused_whole(device: Device, text: str) -> None:
    device.command("audio start")
    with pytest.raises(TargetError, match="Not up to 27 samples of 16 bits in base64"):
        device.command(f"audio {text}")
    assert not [line for line in device.command("audio end") if line.startswith("m-audio-frames-[50")]


def test_the_samples_that_the_text_spells_are_heard(device: Device) -> None:
    """1, 2 or 0 bytes of padding; every value of a byte."""
    pcm = np.frombuffer(bytes(range(256)) * 125, "<i2").astype(np.int16)
    check_clip(device, pcm)
    for count in (1, 2, 3, 26, 27):
        check_clip(device, pcm[5 : 5 + count])


def test_firmware_without_ears_says_so(tmp_path: Path) -> None:
    request = build_task.BuildRequest(boards.load("host"), tmp_path / "out", MODEL, run=False)
    build_task.run_build(request, lambda _stage: None)
    assert not (tmp_path / "out/project/audio").exists()
    with closing(start(tmp_path / "out", "host")) as link:
        device = Device(link)
        device.connect()
        with pytest.raises(TargetError, match="cannot hear; build it with --audio"):
            ear.labels(device)


# The commands, as a user calls them


def test_audio_reports_what_was_heard_and_how_often_rightly(host: Path, run: Run, tmp_path: Path) -> None:
    for seed, word in enumerate(["yes", "yes", "stop", "nonsense"]):
        write_wav(tmp_path / f"clips/{word}/{seed}.wav", recording_like(seed, 3_000))
    long = write_wav(tmp_path / "long.wav", np.concatenate([recording_like(seed, 3_000) for seed in range(3)]))
    code, out, err = run("audio", "--board", "host", "--build", str(host), str(tmp_path / "clips"), long, "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["complete"], report["error"], report["asked"]) == (True, None, 4)
    assert [Path(each["name"]).parent.name for each in report["recordings"][:3]] == ["stop", "yes", "yes"]
    assert [each["word"] for each in report["recordings"]] == ["stop", "yes", "yes", None]
    assert report["known"] == report["compared"] == 3
    assert report["recordings"][3]["seconds"] == 3
    assert report["recordings"][3]["python_label"] is None
    right = sum(each["label"] == each["word"] for each in report["recordings"][:3])
    assert report["accuracy_percent"] == pytest.approx(100 * right / 3)
    assert report["agreeing"] >= 2
    assert report["clock"] == "measured"
    code, out, _ = run("audio", "--board", "host", "--build", str(host), str(tmp_path / "clips"), long, "-q")
    assert code == 0
    assert re.search(r"accuracy  [0-9.]+ % of 3 recordings; features in Python and TFLite Micro: [0-9.]+ %", out)
    assert re.search(r"long\.wav: .* in 3\.0 s", out)
    assert "us a frame of 20 ms" in out
    code, out, _ = run("audio", "--board", "host", "--build", str(host), str(tmp_path / "clips"), "--limit", "1", "-q")
    assert "of 1 recordings" in out


def test_longer_recordings_are_judged_by_the_words_heard_in_them(
    host: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device gets a second of silence around each; times are those of the recording."""
    sent: list[np.ndarray] = []
    spent = ear.Spent(1, 1)
    heard = {3: ("yes",), 4: ("yes", "no"), 5: (), 6: (), 7: ("up",)}

    def hear(_device: Device, pcm: np.ndarray) -> ear.Clip:
        sent.append(pcm)
        words = tuple(ear.Heard(word, 0.9, 2.5) for word in heard[int(pcm[16_000])])
        return ear.Clip("go", 1.0, words, spent, spent, spent)

    monkeypatch.setattr(ear, "hear", hear)
    for word, marks in (("yes", (3, 4, 5)), ("_silence_", (6, 7))):
        for mark in marks:
            write_wav(tmp_path / "clips" / word / f"{mark}.wav", np.full(17_000, mark))
    code, out, _ = run("audio", "--board", "host", "--build", str(host), str(tmp_path / "clips"), "--json", "-q")
    report = json.loads(out)
    assert code == 0
    assert all(len(pcm) == 49_000 and not pcm[:16_000].any() and not pcm[-16_000:].any() for pcm in sent)
    assert [(each["word"], each["label"], each["right"]) for each in report["recordings"]] == [
        ("silence", "no word", True),
        ("silence", "up", False),
        ("yes", "yes", True),
        ("yes", "yes", False),
        ("yes", "no word", False),
    ]
    assert (report["accuracy_percent"], report["python_accuracy_percent"], report["compared"]) == (40, None, 0)
    assert report["recordings"][2]["words"][0]["time_s"] == 1.5

    stream = ("audio", "--board", "host", "--build", str(host), str(tmp_path / "clips"), "--stream", "-q")
    code, out, _ = run(*stream)
    assert code == 0
    assert out.splitlines()[:2] == [
        "stream    _silence_: 1 false alarms in 0.0 minutes (1694 an hour)",
        "stream    yes: 2 of 3 words hit, 1 false alarms in 0.1 minutes (1129 an hour)",
    ]
    (tmp_path / "e.csv").write_text("_silence_/7.wav,1,1.4,up\n4.wav,0.5,1,no\n")
    code, out, _ = run(*stream, "--events", "e.csv", "--json")
    assert [(each["hits"], each["said"], each["false_alarms"]) for each in json.loads(out)["streams"]] == [
        (1, 1, 0),
        (1, 1, 2),
    ]
    words = [word["score"] for each in json.loads(out)["recordings"] for word in each["words"]]
    curve = json.loads(out)["curve"]
    assert curve[0]["threshold"] - 0.05 < min(words) <= curve[0]["threshold"]
    for point in curve:
        left = sum(score >= point["threshold"] for score in words)
        assert sum(each["hits"] + each["false_alarms"] for each in point["streams"]) == left
    (tmp_path / "e.csv").write_text("9.wav,1,1.4,up\n")
    code, _, err = run(*stream, "--events", "e.csv")
    assert (code, "e.csv names recordings that are not one of those given: 9.wav (none)" in err) == (1, True)


def test_ctrl_c_shows_what_was_heard_so_far(host: Path, tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "yes/0.wav", recording_like(0, 3_000))
    command = ["audio", "--board", "host", "--build", str(host), *[clip] * 3_000]
    code, said, error = ctrl_c.after_three(tmp_path, *command)
    assert (code, error) == (130, "error: interrupted\n")
    done = int(said.split()[3])
    assert said.startswith(f"BROKEN OFF after {done} of 3000 recordings: interrupted\n")
    assert 3 <= done < 3000
    assert re.search(rf"^accuracy  [0-9.]+ % of {done:,} recordings$", said, re.MULTILINE)
    assert "us a frame of 20 ms" in said


@pytest.mark.parametrize("after", ["the line", "Python"])
def test_what_was_heard_before_it_broke_off_is_kept(
    host: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    clips = [write_wav(tmp_path / f"yes/{seed}.wav", recording_like(seed, 3_000)) for seed in range(3)]
    hear, heard = ear.hear, list[ear.Clip]()

    def cut(device: Device, pcm: np.ndarray) -> ear.Clip:
        if len(heard) == 2:
            raise TargetError("the port went away")
        heard.append(hear(device, pcm))
        return heard[-1]

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    if after == "the line":
        monkeypatch.setattr(ear, "hear", cut)
    else:
        monkeypatch.setattr(oracle, "expected", press)
    code, out, err = run("audio", "--board", "host", "--build", str(host), *clips, "--json")
    report = json.loads(out)
    assert (report["complete"], report["asked"], report["known"]) == (False, 3, len(report["recordings"]))
    if after == "the line":
        assert (code, err, report["error"]) == (1, "error: the port went away\n", "the port went away")
        assert [each["label"] for each in report["recordings"]] == [each.label for each in heard]
        assert report["compared"] == 2
    else:
        assert (code, err, report["error"]) == (130, "error: interrupted\n", "interrupted")
        assert (len(report["recordings"]), report["compared"], report["python_accuracy_percent"]) == (3, 0, None)


def test_nothing_heard_is_no_report(host: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_wav(tmp_path / "yes/0.wav", recording_like(0, 3_000))

    def cut(*_: object) -> None:
        raise TargetError("the port went away")

    monkeypatch.setattr(ear, "hear", cut)
    code, out, err = run("audio", "--board", "host", "--build", str(host), clip, "--json", "-q")
    assert (code, err) == (1, "error: the port went away\n")
    assert json.loads(out) == {"error": "the port went away", "exit_code": 1}


def test_recordings_of_another_kind_are_refused(host: Path, run: Run, tmp_path: Path) -> None:
    pcm = np.zeros(100, np.int16)
    stereo = write_wav(tmp_path / "stereo.wav", pcm, channels=2)
    fast = write_wav(tmp_path / "fast.wav", pcm, rate_hz=44_100)
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "empty").mkdir()
    for argument, exit_code, message in (
        (stereo, 1, "stereo.wav: 2 channels of 16 bits at 16,000 Hz; the network hears 1 channel"),
        (fast, 1, "at 44,100 Hz; the network hears 1 channel of 16 bits at 16,000 Hz: `ffmpeg -i "),
        ("text.wav", 1, "text.wav: cannot be read as a PCM .wav"),
        ("missing.wav", 2, "missing.wav: no such file"),
        ("empty", 2, "no .wav among empty, nor in folders named"),
    ):
        code, _, err = run("audio", "--board", "host", "--build", str(host), argument, "-q")
        assert code == exit_code
        assert message in err


def test_options_that_contradict_each_other(host: Path, run: Run, tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "a.wav", np.zeros(100, np.int16))
    for options, message in (
        (("--port", "loop://", "--emulator", "host"), "--port and --emulator exclude each other"),
        (("--hardware",), "--hardware goes with --port"),
        ((clip, "--split", "validation"), "--split goes with one folder of Speech Commands"),
        (("--events", clip), "--events goes with --stream"),
        (("--stream", "--split", "train"), "--stream and --split exclude each other"),
    ):
        code, _, err = run("audio", "--board", "host", "--build", str(host), clip, *options, "-q")
        assert code == 2
        assert message in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--audio",), "--audio needs the names of the network's classes: --class-names silence,unknown,yes,"),
        (("--audio", "--class-names", "yes,no"), "--class-names names 2 classes; the network has 10"),
        (("--audio", "--class-names", "a,b,c,d,e,f,g,h,i,a"), "--class-names names a twice"),
        (("--audio", "--class-names", 'a,b,c,d,e,f,g,h,i,"'), "must be up to 32 letters"),
        (("--class-names", "yes,no"), "--class-names goes with --audio"),
    ],
)
def test_labels_that_do_not_fit(run: Run, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    model = shutil.copy(MODEL, tmp_path / "own.tflite")  # beside the zoo's, its entry knows the labels
    code, _, err = run("build", "--board", "host", "--model", str(model), "--no-run", "-q", *options)
    assert code == 2
    assert message in err


def test_firmware_that_hears_has_twelve_classes_and_the_rule_of_its_network(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("build", "--board", "host", "--audio", "--no-run", "-o", str(tmp_path / "out"), "--json", "-q")
    entry = zoo.load(zoo.HEARING)
    assert (code, json.loads(out)["model_sha256"]) == (0, entry.model_sha256)
    config = (tmp_path / "out" / "project" / "audio" / "audio_config").with_suffix
    assert re.findall(r'"(\w+)"', config(".c").read_text())[-12:] == list(entry.labels)
    defined = dict(re.findall(r"#define (\w+) (\d+)", config(".h").read_text()))
    assert int(defined["TP_DETECTOR_SMOOTHED"]) == entry.rule.smoothed
    assert entry.labels[2:] == speech_commands.TEN_WORDS


def test_networks_that_take_no_features_have_no_ears(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.tflite").write_bytes(networks.every_operator())
    code, _, err = run(
        "build", "--board", "host", "--model", "other.tflite", "--audio", "--class-names", "a", "--no-run"
    )
    assert code == 2
    assert "to hear, a network has to take 49 frames of 10 MFCC or 49 frames of 40 log-mel bands; this one takes" in err


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.emulator
@pytest.mark.parametrize("board", ["nano33", M0PLUS], ids=["float on M4F", "fixed on M0+"])
def test_accuracy_on_the_emulated_board(tmp_path: Path, run: Run, board: str) -> None:
    """Takes about ten minutes a board. One clip of 400 is 0.25 points."""
    root = os.environ.get("TINYPRUNE_DATA")
    if not root:
        pytest.skip("TINYPRUNE_DATA names no folder of Speech Commands")
    build(tmp_path / "out", board)
    code, out, _ = run(
        "audio", "--board", board, "--build", "out", "--split", "validation", "--limit", "400", root, "--json"
    )
    report = json.loads(out)
    assert code == 0
    assert report["known"] == 400
    assert report["accuracy_percent"] == pytest.approx(report["python_accuracy_percent"], abs=0.3)


@pytest.mark.data
@pytest.mark.parametrize("fpu", [True, False], ids=["float", "fixed"])
def test_accuracy_on_the_pc(tmp_path: Path, run: Run, fpu: bool) -> None:
    """The same C; all 1,507 clips of the project's copy are in docs/audio.md."""
    root = os.environ.get("TINYPRUNE_DATA")
    if not root:
        pytest.skip("TINYPRUNE_DATA names no folder of Speech Commands")
    board = pc_board(tmp_path, fpu=fpu)
    build(tmp_path / "out", board)
    code, out, _ = run(
        "audio", "--board", board, "--build", "out", "--split", "validation", root, "--limit", "600", "--json"
    )
    report = json.loads(out)
    assert code == 0
    assert report["known"] > 300
    assert report["python_accuracy_percent"] > 90
    assert report["accuracy_percent"] == pytest.approx(report["python_accuracy_percent"], abs=0.3)
    assert report["agreeing"] / report["compared"] > 0.99
