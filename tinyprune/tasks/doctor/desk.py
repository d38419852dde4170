"""Boards on the desk, and whether this user may use them."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tinyprune.device import boards, ports
from tinyprune.device.boards import Board
from tinyprune.tasks.doctor.check import Check


@dataclass(frozen=True, slots=True)
class Connected:
    """A USB device that board files know."""

    device: str  # its serial port; empty for one without
    usb_id: str
    serial_number: str
    boards: tuple[str, ...]
    what: str  # which state of the board, or its probe
    problem: str  # why it cannot be used; empty where it can
    cure: str = ""


def serial_access() -> Iterator[Check]:
    """Whether this user may open serial ports: each one that is there, and the group that will own those to come."""
    use = "flash, bench --port, monitor"
    for port in ports.listed():
        if port.usb_id and sys.platform != "win32" and not os.access(port.device, os.R_OK | os.W_OK):
            cure = ports.permission_advice(port.device)
            yield Check("serial ports", port.device, "problem", "no permission to open it", use, cure)
    if not sys.platform.startswith("linux"):
        return
    import grp

    group = next((name for name in ("dialout", "uucp") if _group(name) is not None), None)
    if os.geteuid() == 0 or group is None:
        yield Check("serial ports", "permission", "ok", "root may open every port" if os.geteuid() == 0 else "", use)
    elif grp.getgrnam(group).gr_gid in (*os.getgroups(), os.getegid()):
        yield Check("serial ports", f"group {group}", "ok", "you are in it", use)
    elif os.environ.get("USER", "") in grp.getgrnam(group).gr_mem:
        yield Check("serial ports", f"group {group}", "problem", "not in this session yet", use, "log out and in again")
    else:
        cure = f"`sudo usermod -aG {group} $USER`, then log out and in"
        yield Check("serial ports", f"group {group}", "missing", "", use, cure)


def _group(name: str) -> int | None:
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def connected(known: list[Board]) -> Iterator[Connected]:
    """Ports and USB devices whose ids stand in a board file."""
    seen = ports.listed()
    with_port = {(port.usb_id, port.serial_number) for port in seen}
    others = [one for one in ports.usb_devices() if (one.usb_id, one.serial_number) not in with_port]
    for port in (*seen, *others):
        owners = [board for board in known if port.usb_id in ports.usb_ids(board)]
        if not owners:
            continue
        usb = owners[0].usb
        assert usb is not None
        states = {usb.sketch: "a program with USB runs", usb.bootloader: "in its bootloader"}
        what = states.get(port.usb_id, "debug probe")
        node = port.device or port.node
        usable = sys.platform == "win32" or not node or os.access(node, os.R_OK | os.W_OK)
        cure = "" if usable else f"`tinyprune doctor --udev | sudo tee {ports.UDEV_FILE}`, and plug it in again"
        names = tuple(board.name for board in owners)
        problem = "" if usable else f"no permission to open {node}"
        yield Connected(port.device, port.usb_id, port.serial_number, names, what, problem, cure)


def udev_rules() -> list[str]:
    """A rules file for every board and probe of the board files."""
    rules = {rule for name in boards.names() for rule in ports.udev_rules(boards.load(name))}
    return [f"# {ports.UDEV_FILE}, of `tinyprune doctor --udev`", *sorted(rules)]
