"""FirmwareImage → board: loads what a build left, checks it, programs it by one of the board's methods."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.flashers import FLASHERS, Job, check_image
from tinyprune.device.flashers.job import segments
from tinyprune.errors import Interrupted, MissingDependency, UsageError
from tinyprune.firmware import edits, output
from tinyprune.progress import BytesProgress
from tinyprune.tasks import values


@dataclass(frozen=True, slots=True)
class FlashRequest:
    board: Board
    output: Path  # of a finished build
    method: str | None = None  # None: the board's first
    port: str | None = None
    serial_number: str | None = None
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class FlashReport:
    board: str
    method: str
    where: str
    flash_bytes: int  # programmed
    model_sha256: str
    verified: bool  # the flash's contents were compared with the image
    evidence: str
    hears: bool  # firmware with the microphone's front end (`build --audio`); else that of the benchmark
    next_steps: tuple[str, ...]  # where its output is, how to flash it again

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def run(request: FlashRequest, progress: BytesProgress) -> FlashReport:
    """All of `tinyprune flash`.

    Raises UsageError for a method that the board has not, a missing build or an ambiguous board; MissingDependency,
    TargetError; Interrupted on Ctrl-C.
    """
    values.at_least(0, timeout=request.timeout_s)
    board = request.board
    method = choose_method(board, request.method)
    image = load_image(request.output, board)
    job = Job(image, board, progress, request.port, request.serial_number, request.timeout_s)
    try:
        done = FLASHERS[method](job, board.flashing[method])
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted: the program on {board.title} may be incomplete; run the same command again"
        ) from None
    except MissingDependency as error:
        raise MissingDependency(f"{error}{_other_methods(board, method)}") from None
    size = sum(len(data) for _, data in segments(image.elf))
    hears = output.hears(request.output)
    steps = _next_steps(board, method, hears=hears)
    return FlashReport(
        board.name, method, done.where, size, image.model_sha256, done.verified, done.evidence, hears, steps
    )


def choose_method(board: Board, method: str | None) -> str:
    """Raises UsageError where the board has no such method, with those it has."""
    known = ", ".join(board.flashing)
    if not known:
        raise UsageError(
            f"{board.name} has no flash method in its board file (docs/adding-a-board.md); "
            f"`tinyprune bench --board {board.name}` runs it in an emulator: {', '.join(board.emulators)}"
        )
    if method is not None and method not in board.flashing:
        raise UsageError(f'{board.name} cannot be flashed by "{method}"; it has: {known}')
    return method or next(iter(board.flashing))


def load_image(folder: Path, board: Board) -> FirmwareImage:
    """The image in a build's folder, with its .hex and .bin.

    Raises UsageError where something is missing, TargetError if it is for another core.
    """
    image, _ = output.load(folder, board)
    manifest = edits.read_manifest(folder).files
    for path in (image.elf.with_suffix(".hex"), image.elf.with_suffix(".bin")):
        if not path.is_file() or manifest.get(path.name) != edits.sha256(path):
            state = "is not what the build wrote" if path.exists() else "is missing"
            raise UsageError(f"{path} {state}; run `tinyprune build --board {board.name}` again")
    check_image(image, board)
    return image


def _other_methods(board: Board, method: str) -> str:
    others = [name for name in board.flashing if name != method]
    return f". Other ways for this board: --method {' or '.join(others)}" if others else ""


def _next_steps(board: Board, method: str, *, hears: bool) -> tuple[str, ...]:
    steps = []
    if hears and board.microphone:
        steps.append("say one of its words: the LED lights for half a second, and the serial line tells the word")
    if board.serial:
        task = "audio FOLDER" if hears else "bench"
        steps.append(
            f"it talks on {board.serial.at}; to see that it works: `tinyprune {task} --board {board.name} --port PORT`"
            f", or `tinyprune monitor --board {board.name}` and type name%"
        )
    if method in ("bossac", "arduino-cli", "uf2", "dfu") and board.usb and board.usb.enter_bootloader:
        steps.append(
            "this firmware has no USB, so the next flash cannot start the bootloader itself: "
            f"{board.usb.enter_bootloader}, then run the command again"
        )
    return tuple(steps)
