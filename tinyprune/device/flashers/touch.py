"""Into the bootloader from the PC: the sketch's serial port is opened at 1200 baud, then the bootloader's own comes.

What Arduino calls the 1200 bps touch. It needs a program with USB on the board; ours has none: then a person does it.
"""

import contextlib
import errno
import os
import sys
import time
from pathlib import Path

from tinyprune.device import ports
from tinyprune.device.boards import Board
from tinyprune.device.flashers.job import Job, wait_for
from tinyprune.device.ports import Port
from tinyprune.errors import TargetError, UsageError

_NEW_PORT_TIMEOUT_S = 10.0
_USABLE_TIMEOUT_S = 3.0
_DTR_LOW_S = 0.05
_BAUD = 1200


def bootloader_port(job: Job) -> Port:
    """The port on which the board's bootloader listens; brought there by the touch if a sketch runs.

    Raises TargetError where no such port is or comes, UsageError where several could be meant or it may not be opened.
    """
    board = job.board
    assert board.usb is not None
    port = board_port(job)
    if port.usb_id == board.usb.bootloader:
        return _usable(port)
    job.progress(f"touching {port.device} at {_BAUD} baud", 0, None)
    before = {one.device for one in ports.with_ids([board.usb.bootloader])}
    touch(port.device)
    job.progress("waiting for the bootloader's port", 0, None)
    new = wait_for(lambda: _new_port(board, before), _NEW_PORT_TIMEOUT_S)
    if new is None and not port.usb_id and Path(port.device).exists():
        new = port  # where USB ids are not known, it may have been the bootloader's all along
    if new is None:
        raise TargetError(
            f"{port.device} was touched at {_BAUD} baud, but no bootloader's port ({board.usb.bootloader}) came within "
            f"{_NEW_PORT_TIMEOUT_S:g} s; {board.usb.enter_bootloader or 'start the bootloader by hand'}, and try again"
        )
    return _usable(new)


def board_port(job: Job) -> Port:
    """The port on which the bootloader listens or a sketch runs. Raises as `bootloader_port` does."""
    return _given(job) if job.port else _found(job)


def touch(device: str) -> None:
    """Opens the port at 1200 baud, lowers DTR, closes it: Arduino's cores then reset into the bootloader."""
    import serial

    try:
        port = serial.Serial(device, _BAUD)
    except (serial.SerialException, OSError, ValueError) as error:
        raise ports.refused(device, error) from None
    gone = (serial.SerialException, OSError)  # the board may have left at once
    with contextlib.suppress(*gone):
        port.dtr = False
        time.sleep(_DTR_LOW_S)
    with contextlib.suppress(*gone):
        port.close()


def _given(job: Job) -> Port:
    """The port that the user named; refused if it shows the USB id of something else."""
    usb = job.board.usb
    assert usb is not None
    assert job.port is not None
    device = os.path.realpath(job.port) if job.port.startswith("/dev/") else job.port
    port = next((one for one in ports.listed() if one.device in (job.port, device)), None)
    if port is None and sys.platform != "win32" and not Path(device).exists():
        raise ports.refused(job.port, OSError(errno.ENOENT, os.strerror(errno.ENOENT)))
    if port is None or not port.usb_id:
        return Port(job.port, "")
    if port.usb_id not in (usb.sketch, usb.bootloader):
        shown = {usb.sketch: "while a sketch runs", usb.bootloader: "in its bootloader"}
        known = " or ".join(f"{usb_id} {state}" for usb_id, state in shown.items() if usb_id)
        raise UsageError(f"{port} is no {job.board.title}: that shows {known}")
    return port


def _found(job: Job) -> Port:
    usb = job.board.usb
    assert usb is not None
    waiting, running = ports.with_ids([usb.bootloader]), ports.with_ids([usb.sketch])
    candidates = waiting + running if job.serial_number else waiting or running
    port = ports.choose(candidates, job.board, job.serial_number)
    if port is None:
        raise TargetError(ports.nothing_found(job.board))
    return port


def _new_port(board: Board, before: set[str]) -> Port | None:
    """A bootloader's port that was not there before the touch; it may have the name of the touched one."""
    assert board.usb is not None
    return next((one for one in ports.with_ids([board.usb.bootloader]) if one.device not in before), None)


def _usable(port: Port) -> Port:
    """Waits until udev has set the new port's permissions."""
    if sys.platform == "win32" or wait_for(lambda: os.access(port.device, os.R_OK | os.W_OK), _USABLE_TIMEOUT_S):
        return port
    number = errno.EACCES if Path(port.device).exists() else errno.ENOENT
    raise ports.refused(port.device, OSError(number, os.strerror(number)))
