"""Renode's keywords of Robot Framework that our suites use, on our own emulator. Not Renode.

Names and arguments: UartKeywords.cs and RenodeKeywords.cs in renode/renode 1.16.1, src/Renode/RobotFrameworkEngine.
"""

from pathlib import Path

from tests.device.emulators import renode_language
from tinyprune.device import boards
from tinyprune.device.emulators import sim
from tinyprune.device.firmware import FirmwareImage


class robot_keywords:  # noqa: N801 (Robot Framework takes a library's name from its module)
    ROBOT_LIBRARY_SCOPE = "TEST"

    def __init__(self) -> None:
        self._uart = ""
        self._lines: list[str] = []
        self._rest = ""

    def execute_command(self, command: str) -> None:
        word, path = command.split(" ", 1)
        assert word == "include", command
        script = Path(path.strip('"'))
        commands = dict(renode_language.parse_script(script.read_text()))
        platform = Path(commands["machine"].split(" ")[1].replace("$ORIGIN", str(script.parent)))
        parsed = renode_language.parse_platform(platform.read_text())
        self._uarts = {f"sysbus.{name}" for name in renode_language.PLATFORMS[parsed.using]}
        self._elf = Path(commands["sysbus"].split(" ")[1].replace("$ORIGIN", str(script.parent)))
        self._board = boards.load(commands["mach"].split(" ")[1].strip('"'))

    def create_terminal_tester(self, uart: str, timeout: float = 8) -> None:
        assert uart in self._uarts, uart
        assert timeout > 0
        self._uart = uart

    def start_emulation(self) -> None:
        image = FirmwareImage(self._board.name, "0" * 64, "any", self._elf, 0, 0)
        self._link = sim.start(image, self._board)
        self._receive()

    def write_to_uart(self, content: str) -> None:
        assert self._uart
        self._link.write(content.encode())
        self._receive()

    def wait_for_line_on_uart(self, content: str) -> None:
        seen = []
        while self._lines:
            seen.append(self._lines.pop(0))
            if content in seen[-1]:
                return
        raise AssertionError(f"no line {content!r} but {seen}")

    def _receive(self) -> None:
        lines = (self._rest + self._link.read(0).decode()).split("\r\n")
        self._rest = lines.pop()
        self._lines += lines
