"""Output projects, one a file: the same C, laid out and surrounded for the tools that its users have.

None of them changes the C: whatever the project, `build.py` makes firmware of the same sources, and the emulator runs
that. A project decides where files go and what is around them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinyprune.compiler.program import Program
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.errors import UsageError
from tinyprune.firmware.names import library_name
from tinyprune.firmware.projects import arduino, bare, cmake, espidf, folder, platformio, zephyr


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of PROJECTS: how a project is made of a program, its C and the model's name, for which boards, and what its
    user does next; there {folder} is the project's, {library} the network's."""

    make: Callable[[Program, FirmwareSource, str], Project]
    next_step: str
    refusal: Callable[[Board], str | None] = lambda _board: None  # why not for this board


PROJECTS: dict[str, Kind] = {
    "bare": Kind(bare.make, "into your own program: {folder}/README.md"),
    "arduino": Kind(
        arduino.make,
        "in the Arduino IDE: Sketch > Include Library > Add .ZIP Library…, {folder}/{library}.zip; arduino-cli: "
        "{folder}/{library}/README.md",
        arduino.refusal,
    ),
    "platformio": Kind(platformio.make, "pio run -d {folder} -t upload", platformio.refusal),
    "cmake": Kind(cmake.make, "in {folder}: cmake --preset firmware && cmake --build --preset firmware"),
    "zephyr": Kind(
        zephyr.make, "in your Zephyr workspace: west build -b YOUR_BOARD {folder}/samples/benchmark", zephyr.refusal
    ),
    "espidf": Kind(espidf.make, "idf.py -C {folder} set-target esp32s3 build flash", espidf.refusal),
    "folder": Kind(folder.make, "steps for STM32CubeIDE and Keil: {folder}/README.md"),
}


def next_step(project: str, name: str, output: Path) -> str:
    """What the user of a built project does next; `name` is the network's."""
    library = arduino.library_name(name) if project == "arduino" else library_name(name)
    return PROJECTS[project].next_step.format(folder=output / "project", library=library)


def check(name: str, board: Board) -> None:
    """Raises UsageError for an unknown project, or one that this board cannot have."""
    if name not in PROJECTS:
        raise UsageError(f'unknown project "{name}"; known: {", ".join(PROJECTS)}')
    refusal = PROJECTS[name].refusal(board)
    if refusal is not None:
        raise UsageError(f"--project {name}: {refusal}")
