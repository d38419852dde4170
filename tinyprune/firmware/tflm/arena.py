"""How large the interpreter's arena must be: found by booting the firmware in the emulator, not estimated."""

import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from tinyprune.device.boards import Board
from tinyprune.device.emulators import Start
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import DoesNotFit, TargetError

#: What stays of the RAM for everything but arena and stack while the arena is being measured: 1 KiB is used of it.
_BESIDE_BYTES = 4 << 10
_ALIGNMENT = 16
#: Where the size that TFLite Micro tells does not suffice: it plans the maps in what is free of the arena.
_STEP_BYTES = 512
_USED = re.compile(rb"m-arena-used-\[(\d+)\]")
_TOO_SMALL = (b"arena is too small", b"arena has no room")

_BOOT_TIMEOUT_S = 20.0

Make = Callable[[int], FirmwareImage]


@dataclass(frozen=True, slots=True)
class Built:
    """Firmware, and the arena that it was built with."""

    image: FirmwareImage
    arena_bytes: int


def fit(make: Make, start: Start, board: Board, needed_bytes: int, input_bytes: int = 0) -> Built:
    """The firmware with the smallest arena it boots with (to 512 bytes).

    `make` builds it with an arena of so many bytes; `needed_bytes` is what no plan can do without. Raises DoesNotFit,
    or TargetError where TFLite Micro refuses the network.
    """
    largest = largest_bytes(board, needed_bytes, input_bytes)
    said = boot(make(largest), start, board)
    used = _USED.search(said)
    if not used:
        raise _refusal(said, board, largest)
    size = -(-int(used[1]) // _ALIGNMENT) * _ALIGNMENT + _ALIGNMENT
    while size < largest:
        image = make(size)
        if _USED.search(boot(image, start, board)):
            return Built(image, size)
        size += _STEP_BYTES
    return Built(make(largest), largest)  # with which it started at first


def largest_bytes(board: Board, needed_bytes: int, input_bytes: int = 0) -> int:
    """What the board's RAM has for the arena. Raises DoesNotFit where that is less than `needed_bytes`."""
    assert board.ram is not None
    largest = (board.ram.bytes - board.ram.stack_bytes - _BESIDE_BYTES - input_bytes) // _ALIGNMENT * _ALIGNMENT
    if needed_bytes > largest:
        raise DoesNotFit(
            f"the model does not fit {board.name}: one layer's maps take {needed_bytes:,} bytes of TFLite Micro's "
            f"arena, the board has {largest:,}; use fewer channels there, or a smaller input"
        )
    return largest


def boot(image: FirmwareImage, start: Start, board: Board) -> bytes:
    """What the firmware says before it waits for a command."""
    with closing(start(image, board)) as link:
        said, deadline = b"", time.monotonic() + _BOOT_TIMEOUT_S
        while b"m-ready" not in said and (piece := link.read(max(deadline - time.monotonic(), 0.0))):
            said += piece
        return said


def _refusal(said: bytes, board: Board, arena_bytes: int) -> TargetError | DoesNotFit:
    text = " / ".join(line for line in said.decode(errors="replace").splitlines() if line and line != "m-ready")
    if any(words in said for words in _TOO_SMALL):
        return DoesNotFit(
            f"the model does not fit {board.name}: TFLite Micro's arena needs more than the {arena_bytes:,} bytes "
            f"of RAM that are there; it said: {text}"
        )
    return TargetError(f"TFLite Micro does not start the network on {board.name}: {text or 'it said nothing'}")
