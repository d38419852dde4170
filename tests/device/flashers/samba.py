"""A board in Arduino's SAM-BA bootloader, on a pseudo-terminal: what `bossac` talks to on a Nano 33 BLE.

The commands and answers are those that Samba.cpp of github.com/arduino/BOSSA sends and expects; as on the real board,
the extended ones are there (identify, reset, erase, write, checksum), and reading the flash is not.
"""

import binascii
import os
import pty
import threading
import tty

VERSION = b"Arduino Bootloader (SAM-BA extended) 2.0 [Arduino:IKXYZ]"
_PAGE_BYTES = 4096


class Bootloader:
    """Serves the port `name` until `close`. `flash` is what was programmed, at bootloader's addresses."""

    def __init__(self, device: bytes = b"nRF52840-QIAA", broken_byte: int | None = None) -> None:
        self.flash = bytearray(b"\0" * 0x20000)
        self.commands: list[bytes] = []
        self.was_reset = threading.Event()
        self._device, self._broken_byte = device, broken_byte
        self._ram: dict[int, bytes] = {}
        self._source = 0
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.name = os.ttyname(self._theirs)
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()

    def close(self) -> None:
        os.close(self._theirs)
        self._server.join(5)
        os.close(self._ours)

    def _serve(self) -> None:
        command = b""
        while True:
            try:
                byte = os.read(self._ours, 1)
            except OSError:
                return
            if byte != b"#":
                command = (command + byte).lstrip(b"\x80\n\r")
                continue
            self.commands.append(command)
            answer = self._answer(command)
            command = b""
            if answer:
                os.write(self._ours, answer)

    def _answer(self, command: bytes) -> bytes:
        kind, words = command[:1], command[1:].split(b",")
        numbers = [int(word, 16) for word in words if word]
        if kind == b"S":  # bytes into RAM
            self._ram[numbers[0]] = self._take(numbers[1])
        elif kind == b"X":
            self.flash[numbers[0] :] = b"\xff" * (len(self.flash) - numbers[0])
        elif kind == b"Y" and numbers[1] == 0:
            self._source = numbers[0]
        elif kind == b"Y":
            self._program(numbers[0], self._ram[self._source][: numbers[1]])
        elif kind == b"K":
            self.was_reset.set()
        simple = {b"N": b"\n\r", b"V": VERSION + b"\n\r", b"I": self._device + b"\n\r", b"X": b"X\n\r", b"Y": b"Y\n\r"}
        if kind == b"Z":
            crc = binascii.crc_hqx(bytes(self.flash[numbers[0] : numbers[0] + numbers[1]]), 0)
            return b"Z%08X#\n\r" % crc
        return simple.get(kind, b"")

    def _program(self, address: int, data: bytes) -> None:
        assert address % _PAGE_BYTES == 0
        self.flash[address : address + len(data)] = data
        if self._broken_byte is not None and address <= self._broken_byte < address + len(data):
            self.flash[self._broken_byte] ^= 1

    def _take(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += os.read(self._ours, size - len(data))
        return data
