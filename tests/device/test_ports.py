"""Ports are found by USB id; one that cannot be used is explained."""

import errno
from types import SimpleNamespace

import pytest
import serial

from tinyprune.device import boards, ports
from tinyprune.errors import TargetError, UsageError

NANO = boards.load("nano33")
SKETCH = ("/dev/ttyACM0", 0x2341, 0x805A, "A1")
OTHER = ("/dev/ttyACM1", 0x2341, 0x805A, "B2")
ADAPTER = ("/dev/ttyUSB0", 0x0403, 0x6001, "FT1")
MAINBOARD = ("/dev/ttyS0", None, None, None)


def plug(monkeypatch: pytest.MonkeyPatch, *devices: tuple[str, int | None, int | None, str | None]) -> None:
    """As pyserial lists them."""
    found = [
        SimpleNamespace(device=device, vid=vid, pid=pid, serial_number=number, description="n/a")
        for device, vid, pid, number in devices
    ]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: found)


def test_ports_are_listed_with_their_usb_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, ADAPTER, MAINBOARD, SKETCH)
    assert [str(port) for port in ports.listed()] == [
        "/dev/ttyACM0 (2341:805a, serial number A1)",
        "/dev/ttyS0",
        "/dev/ttyUSB0 (0403:6001, serial number FT1)",
    ]
    assert [port.device for port in ports.with_ids(["2341:805a", ""])] == ["/dev/ttyACM0"]


def test_one_of_several_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, SKETCH, OTHER)
    both = ports.with_ids(ports.usb_ids(NANO))
    with pytest.raises(UsageError, match=r"2 ports could be the Arduino Nano 33 BLE: .*A1.*B2.*--port or --serial-num"):
        ports.choose(both, NANO, None)
    chosen = ports.choose(both, NANO, "B2")
    assert chosen is not None
    assert chosen.device == "/dev/ttyACM1"
    with pytest.raises(UsageError, match=r"no Arduino Nano 33 BLE has the serial number C3; there are: .*A1"):
        ports.choose(both, NANO, "C3")
    assert ports.choose([], NANO, "C3") is None


def test_the_firmware_of_the_nano33_talks_through_an_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, SKETCH, ADAPTER, MAINBOARD)
    assert ports.serial_port(NANO) == ports.serial_port(NANO, "auto") == "/dev/ttyUSB0"
    assert ports.serial_port(NANO, "socket://localhost:1234") == "socket://localhost:1234"
    plug(monkeypatch, SKETCH)
    with pytest.raises(TargetError, match=r"no USB-serial adapter was found; .*ttyACM0.*UARTE0, TX P1.03"):
        ports.serial_port(NANO)


def test_nothing_found_says_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch)
    monkeypatch.setattr("sys.platform", "linux")
    text = ports.nothing_found(NANO)
    for part in ("no Arduino Nano 33 BLE", "2341:805a or 2341:005a", "ports here: none", "double-tap", "cable carries"):
        assert part in text
    assert 'ATTRS{idVendor}=="2341", ATTRS{idProduct}=="005a", MODE="0660"' in text
    assert ports.UDEV_FILE in text
    monkeypatch.setattr("sys.platform", "darwin")
    assert "udev" not in ports.nothing_found(NANO)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (serial.SerialException(errno.EACCES, "denied"), UsageError, "no permission to open the port; .*sudo"),
        (serial.SerialException(errno.EBUSY, "busy"), UsageError, "another program has the port open"),
        (serial.SerialException(errno.EAGAIN, "Could not exclusively lock"), UsageError, "another program"),
        (serial.SerialException(errno.ENOENT, "no"), TargetError, "no such port; is the board plugged in"),
        (serial.SerialException("device reports readiness to read but returned no data"), TargetError, "went away"),
        (OSError(errno.EIO, "Input/output error"), TargetError, "the port went away"),
        (serial.SerialException(errno.ENOTTY, "Inappropriate ioctl"), UsageError, " is not a serial port"),
        (serial.SerialException(errno.EISDIR, "Is a directory"), UsageError, " is not a serial port"),
        (serial.SerialException("Could not open port: [Errno 111] Connection refused"), TargetError, "nothing listens"),
        (serial.SerialException("socket disconnected"), TargetError, "socket disconnected"),
    ],
)
def test_refusals_are_explained(error: Exception, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"/dev/ttyNOT.*{message}"):
        raise ports.refused("/dev/ttyNOT", error)
