"""Bare firmware with the board's own microphone: what the emulated PDM says is heard, shown and told by itself."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.recordings import write_wav
from tinyprune.device import boards
from tinyprune.device.boards.schema import Microphone
from tinyprune.device.emulators import sim
from tinyprune.device.emulators.cortex_m import FirmwareError
from tinyprune.device.emulators.nrf52 import pin_select
from tinyprune.device.emulators.nrf52_pdm import Pdm
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError, UsageError
from tinyprune.firmware import output
from tinyprune.firmware.audio import Rule, ear
from tinyprune.measure import hearing
from tinyprune.sound.recordings import read_wav
from tinyprune.tasks import audio as audio_task
from tinyprune.tasks import build as build_task
from tinyprune.tasks import record
from tinyprune.training import speech_commands, zoo

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]
Run = Callable[..., tuple[int, str, str]]
SENSE = boards.load("nano33sense")
MODEL = zoo.FOLDER / f"{zoo.DEFAULT}.tflite"
#: Between two looks, in samples: a buffer.
BUFFER = 3200
END = 0x108  # an event of the PDM


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sense")
    labels = speech_commands.LABELS
    request = build_task.BuildRequest(SENSE, folder, MODEL, compiler="zig", audio=True, class_names=labels, run=False)
    build_task.run_build(request, lambda _stage: None)
    return folder


@pytest.fixture
def link(built: Path) -> Iterator[sim.SimLink]:
    with closing(sim.start(image(built), SENSE)) as found:
        yield found


def image(folder: Path) -> FirmwareImage:
    return output.load(folder, SENSE)[0]


def tones() -> np.ndarray:
    """What the zoo's network takes for words, as docs/audio.md says; a whole number of buffers, with silence around."""
    time_s = np.arange(5 * BUFFER) / 16_000
    tone = 6_000 * np.sin(2 * np.pi * 1_500 * time_s)
    silence = np.random.default_rng(0).normal(scale=20, size=5 * BUFFER)
    return np.concatenate([silence, tone, silence]).astype(np.int16)


def test_it_hears_by_itself_what_the_serial_line_would_have_it_hear(link: sim.SimLink) -> None:
    """From the start, without a command: same words, scores and times; the light goes on, and off again."""
    link.read(0)  # the boot messages
    sound, lit = tones(), []
    for start in range(0, len(sound), BUFFER):
        link.hear(sound[start : start + BUFFER].tolist())
        lit.append(link.lit)
    said = link.read(0).decode().splitlines()
    device = Device(link)
    device.connect()
    by_serial = ear.hear(device, sound)
    assert len(by_serial.heard) > 0
    assert [line.startswith("m-audio-heard-[") for line in said] == [True] * len(by_serial.heard)
    for line, word in zip(said, by_serial.heard, strict=True):
        assert line.split("[")[1].startswith(f"{word.label},")
        assert line.endswith(f",{round(word.time_s * 1000)}]")
    first = round(by_serial.heard[0].time_s * 16_000) // BUFFER - 1
    assert lit[: first + 1] == [False] * first + [True]
    assert not lit[-1]


def test_a_command_ends_it_and_live_begins_it_again(link: sim.SimLink) -> None:
    device = Device(link)
    device.connect()
    with pytest.raises(TargetError, match="does not listen to a microphone"):
        link.hear([0] * BUFFER)
    assert device.command("audio live") == ["m-audio-live"]
    link.hear([0] * BUFFER)
    clip = ear.hear_live(device, link, tones())
    assert clip.heard[0].label == clip.label


def test_the_board_records_what_its_microphone_hears(link: sim.SimLink) -> None:
    """To the last bit, twice, and it listens for words again afterwards."""
    device = Device(link)
    device.connect()
    for seed in range(2):
        sound = np.random.default_rng(seed).integers(-32_768, 32_768, 11 * BUFFER).astype(np.int16)
        lit = []

        def speak(sound: np.ndarray = sound, lit: list[bool] = lit) -> None:
            link.hear(sound[:BUFFER].tolist())
            lit.append(link.lit)
            link.hear(sound[BUFFER:].tolist())

        assert np.array_equal(ear.record(device, speak), sound[: ear.RECORDED_SAMPLES])
        assert lit == [True]
        assert not link.lit
    assert device.command("audio live") == ["m-audio-live"]
    assert ear.hear_live(device, link, tones()).heard


def test_a_command_ends_a_recording(link: sim.SimLink) -> None:
    device = Device(link)
    device.connect()
    assert device.command("audio record") == ["m-audio-record"]
    link.hear([1] * BUFFER)
    assert len(device.command("name")) == 1
    device.command("audio live")
    assert ear.hear_live(device, link, tones()).heard  # words, not the rest of a recording


class Spoken:
    """A serial port to a board in front of which somebody speaks whenever it records."""

    def __init__(self, link: sim.SimLink, sound: np.ndarray) -> None:
        self._link, self._sound = link, sound
        self.close, self.clock = (lambda: None), link.clock

    def write(self, data: bytes) -> None:
        self._link.write(data)

    def read(self, timeout_s: float) -> bytes:
        data = self._link.read(timeout_s)
        if b"m-audio-record\r\n" in data:
            self._link.hear(self._sound.tolist())
        return data


def test_clips_are_recorded_with_a_board(
    link: sim.SimLink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    sound = np.zeros(11 * BUFFER, np.int16)
    sound[12_000:24_000] = 9_000 * np.sin(np.arange(12_000) / 9)
    monkeypatch.setattr("tinyprune.tasks.record.serial_port.start", lambda _port: Spoken(link, sound))
    monkeypatch.setattr("click.getchar", lambda: "\r")
    options = ("--words", "left", "--takes", "2", "--board", "nano33sense", "--port", "here")
    code, out, _ = run("record", "mine", *options)
    assert code == 0
    assert "OK  2 left in mine" in out
    for number in range(2):
        clip = read_wav(tmp_path / f"mine/left/me_nohash_{number}.wav")
        assert np.array_equal(clip, record.loudest_second(sound[:32_000]))
    link.hear([0] * BUFFER)  # it listens for words again
    code, _, err = run("record", "mine", "--words", "left", "--port", "here")
    assert (code, "--port goes with --board" in err) == (2, True)


def test_samples_that_come_faster_than_they_are_heard_are_told(link: sim.SimLink) -> None:
    """The second buffer becomes full as soon as the firmware has begun with the first."""
    pdm = link._mcu.pdm

    class Hurried(dict[int, int]):
        def __setitem__(self, event: int, value: int) -> None:
            super().__setitem__(event, value)
            if event == END and not value:
                pdm.fill()

    link.read(0)
    pdm._events = Hurried(pdm._events)
    link.hear([0] * 2 * BUFFER)
    assert link.read(0) == (b"e-[Samples were lost: the network takes longer than there is until the next look]\r\n")
    pdm._events = dict(pdm._events)
    link.hear(tones().tolist())
    assert link.read(0).startswith(b"m-audio-heard-[")


class Ram:
    """As much of a machine as DMA needs."""

    def __init__(self) -> None:
        self.written: list[tuple[int, bytes]] = []

    def write_ram(self, address: int, data: bytes) -> None:
        self.written.append((address, data))


GOOD = {
    0x540: 26,
    0x544: 25,
    0x504: 0x0A000000,
    0x520: 1,
    0x508: 1,
    0x304: 1 << 2,
    0x518: 20,
    0x500: 1,
    0x560: 0x20000000,
    0x564: 2,
}


def started(high: set[int], crystal: int = 1, **changed: int) -> tuple[Pdm, Ram]:
    assert SENSE.microphone is not None
    ram = Ram()
    pdm = Pdm(ram, SENSE.microphone, pin_select, high, lambda: crystal)  # type: ignore[arg-type]
    for offset, value in {**GOOD, **{int(key[1:], 16): value for key, value in changed.items()}, 0x000: 1}.items():
        write = pdm.registers[0x4001D000 + offset].write
        assert write is not None
        write(value)
    return pdm, ram


def test_the_model_of_the_pdm_is_strict() -> None:
    pdm, ram = started({17})
    pdm.sound.extend([1, -2, 3])
    assert pdm.fill()
    assert not pdm.fill()
    assert ram.written == [(0x20000000, b"\x01\x00\xfe\xff")]
    louder, ram = started({17}, _518=40)  # 0 dB instead of -10
    louder.sound.extend([100, -20_000])
    assert louder.fill()
    assert np.frombuffer(ram.written[0][1], "<i2").tolist() == [316, -32_768]
    for made, message in (
        (lambda: started(set()), "while the microphone has no power"),
        (lambda: started({17}, crystal=0), "before the crystal oscillator runs"),
        (lambda: started({17}, _520=0), "TASKS_START with 0x0 at 0x4001d520, not 0x1"),
        (lambda: started({17}, _544=26), "TASKS_START with 0x1a at 0x4001d544, not 0x19"),
        (lambda: started({17}, _500=0), "TASKS_START with 0x0 at 0x4001d500, not 0x1"),
    ):
        with pytest.raises(FirmwareError, match=message):
            made()
    asleep, _ = started({17}, _304=0)
    asleep.sound.extend([1, 2])
    with pytest.raises(FirmwareError, match="its interrupt would not wake the core"):
        asleep.fill()


def test_the_command_lets_the_chip_hear_files(built: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "tones.wav", tones())
    request = audio_task.AudioRequest(SENSE, built, (tmp_path / "tones.wav",), microphone=True)
    report = audio_task.run_audio(request, lambda _stage: None)
    assert report.complete
    assert report.recordings[0].words
    assert report.compared == 0
    with pytest.raises(UsageError, match="--microphone goes with an emulator"):
        audio_task.run_audio(replace(request, port="/dev/null"), lambda _stage: None)


def test_boards_say_where_their_microphone_is(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "boards/nano33sense.toml").read_text()
    board = tmp_path / "mine.toml"
    for old, new, message in (
        ('data = "P0.25"', 'data = "GP25"', 'microphone.data "GP25" is no pin of this family; write it like P1.03'),
        ('data = "P0.25"', 'data = "P0.26"', "two of microphone's pins are the same"),
        ('data = "P0.25"', "", 'key "microphone.data" is missing'),
    ):
        board.write_text(text.replace(old, new))
        with pytest.raises(UsageError, match=message.replace(".", r"\.")):
            boards.load(str(board))
    other = (Path(__file__).parents[3] / "boards/pico.toml").read_text()
    board.write_text(other + '\n[microphone]\nclock = "GP2"\ndata = "GP3"\npower = "GP4"\nlight = "GP5"\n')
    with pytest.raises(UsageError, match="this family's port takes no microphone"):
        boards.load(str(board))
    assert SENSE.microphone == Microphone("P0.26", "P0.25", "P0.17", "P0.13")


def test_the_chain_is_front_end_and_network() -> None:
    part = hearing.Part(1, 150_000)
    trial = hearing.AudioTrial("float", (), 1, 1, 0, 5.0, part, part, 3_000_000, None)
    found = hearing.chain(trial, Rule(every_hops=10, smoothed=3), 2_000_000, 64_000_000)
    assert found is not None
    assert found.modelled_cycles_a_second == 13_000_000
    assert found.core_percent == pytest.approx(20.3125)
    assert found.look_ms == pytest.approx(33.59375)
    assert found.latency_ms == pytest.approx(633.59375)
    assert hearing.chain(trial, Rule(), None, 64_000_000) is None
