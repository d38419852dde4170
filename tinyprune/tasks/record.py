"""All of `tinyprune record`: clips of words by a microphone of the PC or a board, in the layout of Speech Commands."""

import math
import re
import wave
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np

from tinyprune import files
from tinyprune.device import ports, serial_port
from tinyprune.device.boards import Board
from tinyprune.device.protocol import Device
from tinyprune.errors import MissingDependency, TargetError, UsageError, first_line
from tinyprune.firmware.audio import ear
from tinyprune.sound.features import CLIP_SAMPLES, SAMPLE_RATE_HZ
from tinyprune.sound.recordings import FULL_SCALE, Int16

#: What is heard for a clip: the loudest second of it is kept, so that nobody has to begin to the moment.
TAKE_S = 2.0
#: Of the level meter.
PIECE_SAMPLES = SAMPLE_RATE_HZ // 20
#: A word whose loudest sample is below this share of full scale is too far away; one at the other is clipped.
QUIET, CLIPPED = 0.03, 0.999

Verdict: TypeAlias = Literal["keep", "again", "stop"]


class Source(Protocol):
    """A microphone, or what stands in for one."""

    def forget(self) -> None:
        """Drops what was heard since the last read, while nobody was asked to speak. Raises TargetError."""

    def read(self, count: int) -> Int16:
        """The next `[count]` samples at 16 kHz, when they are there. Raises TargetError where it has gone."""


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """A second of a word, and what is wrong with it."""

    word: str
    number: int
    of: int
    pcm: Int16
    level_db: float
    """Of the loudest sample, below full scale."""
    problem: str | None


@dataclass(frozen=True, slots=True)
class RecordRequest:
    folder: Path
    words: tuple[str, ...]
    takes: int = 50  # of each word
    speaker: str = "me"  # recordings of one speaker stay together when a part is held out
    device: str | None = None  # sounddevice's name or number of the microphone; None: the system's own choice


@dataclass(frozen=True, slots=True)
class RecordReport:
    folder: Path
    kept: dict[str, int]
    """New clips by word."""
    complete: bool


def run_record(
    request: RecordRequest,
    source: Source,
    ready: Callable[[str, int, int], None],
    level: Callable[[float], None],
    review: Callable[[Take], Verdict],
) -> RecordReport:
    """`ready` comes before each take: a word, its number, of how many; `level` hears decibels below full scale
    meanwhile; `review` decides. A clip that is kept is on disk before the next one begins.

    Raises UsageError for words that cannot be folders, or a folder that cannot be written; TargetError.
    """
    check(request)
    kept = dict.fromkeys(request.words, 0)
    for word in request.words:
        while kept[word] < request.takes:
            number = kept[word] + 1
            ready(word, number, request.takes)
            take = _take(source, word, number, request.takes, level)
            verdict = review(take)
            if verdict == "stop":
                return RecordReport(request.folder, kept, False)
            if verdict == "keep":
                _write(_next(request.folder / word, request.speaker), take.pcm)
                kept[word] = number
    return RecordReport(request.folder, kept, True)


def check(request: RecordRequest) -> None:
    """Raises UsageError for what is wrong with a request."""
    for what, name in [*(("word", word) for word in request.words), ("speaker", request.speaker)]:
        if not re.fullmatch(r"[\w-]{1,32}", name) or "_nohash_" in name:
            raise UsageError(f'the {what} "{name[:40]}" is to be a name of files: 1 to 32 letters, digits, _ or -')
    if len(set(request.words)) < len(request.words):
        raise UsageError("--words names one of them twice")
    if request.takes < 1:
        raise UsageError(f"--takes {request.takes}: 1 is the least")
    if request.folder.exists() and not request.folder.is_dir():
        raise UsageError(f"{request.folder} is a file; give a folder")


def decibels(pcm: Int16) -> float:
    """Of the loudest sample, below full scale; silence is 96 below."""
    return max(-96.0, 20 * math.log10(max(1, int(np.abs(pcm.astype(np.int32)).max(initial=0))) / FULL_SCALE))


def _take(source: Source, word: str, number: int, of: int, level: Callable[[float], None]) -> Take:
    pieces = []
    source.forget()
    for _ in range(round(TAKE_S * SAMPLE_RATE_HZ / PIECE_SAMPLES)):
        pieces.append(source.read(PIECE_SAMPLES))
        level(decibels(pieces[-1]))
    heard = np.concatenate(pieces)
    pcm = loudest_second(heard)
    return Take(word, number, of, pcm, decibels(pcm), _problem(pcm))


def loudest_second(pcm: Int16) -> Int16:
    """Of at least a second, the one with the most energy, as near to the middle of it as it can lie."""
    energy = np.concatenate([[0.0], np.cumsum(pcm.astype(np.float64) ** 2)])
    sums = energy[CLIP_SAMPLES:] - energy[:-CLIP_SAMPLES]
    best = np.flatnonzero(sums >= sums.max() * (1 - 1e-3))
    start = int(best[len(best) // 2])
    return pcm[start : start + CLIP_SAMPLES]


def _problem(pcm: Int16) -> str | None:
    loudest = int(np.abs(pcm.astype(np.int32)).max())
    if loudest >= CLIPPED * FULL_SCALE:
        return "clipped: speak less loudly, or turn the microphone down"
    if loudest < QUIET * FULL_SCALE:
        return "too quiet: come nearer, or turn the microphone up"
    return None


def _next(folder: Path, speaker: str) -> Path:
    """Where the speaker's next recording of a word goes."""
    pattern = re.compile(rf"{re.escape(speaker)}_nohash_(\d+)\.wav")
    numbers = [int(found[1]) for path in folder.glob("*.wav") if (found := pattern.fullmatch(path.name))]
    return folder / f"{speaker}_nohash_{max(numbers, default=-1) + 1}.wav"


def _write(path: Path, pcm: Int16) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.whole(path) as part, wave.open(str(part), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(pcm.astype("<i2").tobytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot write: {error.strerror}") from None


@contextmanager
def microphone(device: str | None) -> Iterator[Source]:
    """The PC's. Raises MissingDependency without sounddevice or its PortAudio, UsageError where there is no such
    microphone, or one that does not do 16 kHz."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: no PortAudio
        raise MissingDependency(
            "the microphone needs sounddevice: pip install 'tinyprune[record]', on Linux apt-get install libportaudio2 "
            f"as well ({first_line(error)})"
        ) from None
    chosen: int | str | None = int(device) if device and device.isdigit() else device
    try:
        with sounddevice.InputStream(samplerate=SAMPLE_RATE_HZ, channels=1, dtype="int16", device=chosen) as stream:
            yield _Stream(stream, sounddevice.PortAudioError)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UsageError(
            f"no microphone at 16 kHz ({first_line(error)}); `python -m sounddevice` lists what there is: --device NAME"
        ) from None


@contextmanager
def board_microphone(board: Board, port: str | None) -> Iterator[Source]:
    """That of a board with firmware that hears (`build --audio`). Raises UsageError or TargetError where there is
    none at the port."""
    with closing(serial_port.start(ports.serial_port(board, port))) as link:
        device = Device(link)
        device.connect()
        yield _OfBoard(device)
        device.command("audio live")


class _OfBoard:
    """Records whole takes and sends each when it is over."""

    def __init__(self, device: Device) -> None:
        self._device, self._rest = device, np.zeros(0, np.int16)

    def forget(self) -> None:
        self._rest = self._rest[:0]

    def read(self, count: int) -> Int16:
        while len(self._rest) < count:
            self._rest = np.concatenate([self._rest, ear.record(self._device)])
        piece, self._rest = self._rest[:count], self._rest[count:]
        return piece


class _Stream:
    def __init__(self, stream: "_InputStream", gone: type[Exception]) -> None:
        self._stream, self._gone = stream, gone

    def forget(self) -> None:
        self.read(self._stream.read_available)

    def read(self, count: int) -> Int16:
        try:
            samples, _overflowed = self._stream.read(count)
        except self._gone as error:
            raise TargetError(f"the microphone went away: {first_line(error)}") from None
        return np.asarray(samples, dtype=np.int16).reshape(-1)


class _InputStream(Protocol):
    @property
    def read_available(self) -> int: ...

    def read(self, frames: int) -> tuple[Int16, bool]: ...
