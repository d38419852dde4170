"""Serial ports of this computer: which there are, which belongs to a board (by USB id), why one cannot be used.

Everything that opens a port (flashing, `bench --port`, `monitor`) finds it here, and words its refusals here.
"""

import errno
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyprune.device.boards import Board
from tinyprune.errors import TargetError, TinypruneError, UsageError, first_line, printable

WRITE_TIMEOUT_S = 10.0
_POLL_S = 0.05
AUTO = "auto"  # as a port: the one that belongs to the board
_USB_DEVICES = Path("/sys/bus/usb/devices")
UDEV_FILE = "/etc/udev/rules.d/70-tinyprune.rules"  # before 73-seat-late.rules, which acts on TAG+="uaccess"


@dataclass(frozen=True, slots=True)
class Port:
    device: str  # "/dev/ttyACM0", "COM3"
    usb_id: str  # vendor:product, "2341:805a"; empty if it is not USB or not known
    serial_number: str = ""
    description: str = ""
    node: str = ""  # of a device without serial port: /dev/bus/usb/001/002

    def __str__(self) -> str:
        facts = [self.usb_id, self.serial_number and f"serial number {self.serial_number}", self.description]
        known = ", ".join(fact for fact in facts if fact)
        return f"{self.device} ({known})" if known else self.device


def listed() -> list[Port]:
    """All serial ports, by name."""
    from serial.tools import list_ports

    ports = []
    for port in list_ports.comports():
        usb_id = "" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"
        description = "" if port.description in (None, "n/a") else str(port.description)
        ports.append(Port(str(port.device), usb_id, port.serial_number or "", description))
    return sorted(ports, key=lambda port: port.device)


def usb_devices() -> list[Port]:
    """All USB devices, those without a serial port too; only Linux tells without more software."""
    found = []
    for folder in sorted(_USB_DEVICES.glob("*")):
        try:
            usb_id = f"{_line(folder, 'idVendor')}:{_line(folder, 'idProduct')}"
            node = f"/dev/bus/usb/{int(_line(folder, 'busnum')):03}/{int(_line(folder, 'devnum')):03}"
        except (OSError, ValueError):
            continue  # an interface of a device
        number = _line(folder, "serial") if (folder / "serial").exists() else ""
        product = _line(folder, "product") if (folder / "product").exists() else ""
        found.append(Port("", usb_id, number, product, node))
    return found


def _line(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8", errors="replace").strip()


def with_ids(usb_ids: Iterable[str]) -> list[Port]:
    wanted = {usb_id for usb_id in usb_ids if usb_id}
    return [port for port in listed() if port.usb_id in wanted]


def usb_ids(board: Board) -> tuple[str, ...]:
    """Every USB id that the board or its probe may show."""
    usb = board.usb
    return tuple(usb_id for usb_id in (usb.sketch, usb.bootloader, *usb.probe) if usb_id) if usb else ()


def choose(candidates: list[Port], board: Board, serial_number: str | None, option: str = "--port") -> Port | None:
    """The one that is meant; None where there is none.

    Raises UsageError where it could be several, or none has that serial number.
    """
    if serial_number is not None:
        matching = [port for port in candidates if port.serial_number == serial_number]
        if candidates and not matching:
            raise UsageError(f"no {board.title} has the serial number {serial_number}; there are: {_list(candidates)}")
        candidates = matching
    if len(candidates) > 1:
        raise UsageError(
            f"{len(candidates)} ports could be the {board.title}: {_list(candidates)}; "
            f"say which with {option} or --serial-number"
        )
    return candidates[0] if candidates else None


def serial_port(board: Board, device: str | None = None, serial_number: str | None = None) -> str:
    """The port or URL on which the board's firmware talks, for `serial.serial_for_url`; `device` as it is, if given.

    Without one, or with AUTO: the port of the board's probe if that carries the firmware's UART, else the only
    USB-serial adapter.
    Raises UsageError where several could be meant, TargetError where there is none.
    """
    if device is not None and device != AUTO:
        return device
    if board.serial and board.serial.probe and board.usb:
        candidates = with_ids(board.usb.probe)
    else:
        own = set(usb_ids(board))
        candidates = [port for port in listed() if port.usb_id and port.usb_id not in own]
    port = choose(candidates, board, serial_number)
    if port is None:
        raise TargetError(_no_serial_port(board))
    return port.device


def opened(device: str, baud: int) -> Any:
    """A port or a URL of pyserial, 8N1. Raises UsageError or TargetError where it cannot be opened, or is open
    elsewhere."""
    import serial

    more: dict[str, Any] = {"exclusive": True} if "://" not in device and sys.platform != "win32" else {}
    if not device.startswith("rfc2217://"):  # pyserial 3.5: write_timeout is currently not supported
        more["write_timeout"] = WRITE_TIMEOUT_S
    try:
        return serial.serial_for_url(device, baud, timeout=_POLL_S, **more)
    except (serial.SerialException, OSError) as error:
        raise refused(device, error) from None
    except Exception as error:  # whatever its kinds of URL make of odd ones, and drivers of an impossible baud rate
        raise UsageError(f"{printable(device)}: cannot be opened as a port: {first_line(error)}") from None


def refused(device: str, error: Exception) -> TinypruneError:
    """Why a port cannot be opened or went away, in words: made from pyserial's SerialException or an OSError."""
    number = getattr(error, "errno", None)
    text = str(error)
    if number in (errno.EACCES, errno.EPERM) or "Permission denied" in text or "PermissionError(13" in text:
        return UsageError(f"{device}: no permission to open the port; {permission_advice(device)}")
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in text:
        return UsageError(
            f"{device}: another program has the port open; close serial monitors (`fuser -v {device}` names it)"
        )
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "FileNotFoundError" in text:
        there = _list(listed()) or "none"
        return TargetError(f"{device}: no such port; is the board plugged in? Serial ports here: {there}")
    if number == errno.EIO or "device disconnected" in text or "returned no data" in text:
        return TargetError(f"{device}: the port went away: the board was unplugged or reset; plug it in and try again")
    if number in (errno.ENOTTY, errno.EISDIR) or "Inappropriate ioctl" in text:
        return UsageError(f"{device} is not a serial port; serial ports here: {_list(listed()) or 'none'}")
    if "Connection refused" in text:
        return TargetError(f"{device}: nothing listens there; `tinyprune emulate --board B --tcp PORT` would")
    return TargetError(f"{device}: {text}")


def nothing_found(board: Board, wanted: str = "") -> str:
    """No sign of the board, neither among the ports nor as `wanted` (a volume): what to check, as a message."""
    ids = " or ".join(usb_ids(board))
    looked_for = ", no ".join(part for part in (wanted, f"port with USB id {ids}" if ids else "") if part)
    lines = [f"no {board.title} was found: no {looked_for}; serial ports here: {_list(listed()) or 'none'}. Check:"]
    if board.usb and board.usb.enter_bootloader:
        lines.append(f"{board.usb.enter_bootloader}, then try again")
    lines.append("the USB cable carries data, not only power, and goes to this computer")
    if sys.platform.startswith("linux"):
        reload = "`sudo udevadm control --reload`, and plug the board in again"
        lines.append(f"you may use it: put this into {UDEV_FILE}, then {reload}:")
    rules = [f"      {rule}" for rule in udev_rules(board)] if sys.platform.startswith("linux") else []
    return "\n".join([lines[0], *(f"  * {line}" for line in lines[1:]), *rules])


def udev_rules(board: Board) -> list[str]:
    """Lines for Linux that let the user at the desk open the board's ports and probes, and keep ModemManager away."""
    rules = []
    for usb_id in usb_ids(board):
        vendor, product = usb_id.split(":")
        match = f'ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}"'
        allowed = 'MODE="0660", GROUP="plugdev", TAG+="uaccess", ENV{ID_MM_DEVICE_IGNORE}="1"'
        rules.append(f'SUBSYSTEM=="usb|tty|hidraw", {match}, {allowed}')
    return rules


def _no_serial_port(board: Board) -> str:
    if board.serial and board.serial.probe:
        return nothing_found(board)
    where = f" The firmware talks on {board.serial.at}." if board.serial else ""
    return (
        f"no USB-serial adapter was found; serial ports here: {_list(listed()) or 'none'}.{where} "
        "Plug an adapter in, or name another port with --port"
    )


def permission_advice(device: str) -> str:
    if not sys.platform.startswith("linux"):
        return "close other programs that use it"
    try:
        import grp

        group = grp.getgrgid(Path(device).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    if group == "root":
        return f"`sudo chmod a+rw {device}` once, or a udev rule for good (docs/flashing.md)"
    return f"`sudo usermod -aG {group} $USER`, then log out and in"


def _list(ports: list[Port]) -> str:
    return ", ".join(str(port) for port in ports)
