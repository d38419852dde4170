"""The rooms that run firmware without a board, behind a Link: start(image, board) boots it up to its first input."""

from collections.abc import Callable

from tinyprune.boards import Board
from tinyprune.firmware import FirmwareImage
from tinyprune.link import Link

# The emulators' libraries are imported when one starts, not with the command line.


def _start_host(image: FirmwareImage, board: Board) -> Link:
    from tinyprune.emulators import host

    return host.start(image, board)


def _start_sim(image: FirmwareImage, board: Board) -> Link:
    from tinyprune.emulators import sim

    return sim.start(image, board)


EMULATORS: dict[str, Callable[[FirmwareImage, Board], Link]] = {"host": _start_host, "sim": _start_sim}
