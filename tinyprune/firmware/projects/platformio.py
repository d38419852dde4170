"""A PlatformIO project: the Arduino library in lib/, the sketch `Benchmark` as src/main.cpp, and platformio.ini.

docs.platformio.org, "platformio.ini" and "library.json".
"""

from tinyprune.compiler.program import Program
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.firmware import codegen
from tinyprune.firmware.projects import arduino


def make(program: Program, source: FirmwareSource, name: str) -> Project:
    """`platformio.ini`, `src/` and `lib/NAME/`."""
    about = arduino.about_library(program, name)
    library = arduino.library_files(source, about) | codegen.rendered("platformio/library", about)
    files = {f"lib/{about['library']}/{path}": text for path, text in library.items()}
    files |= {f"src/{path}": text for path, text in arduino.protocol_files(program, source, about["library"]).items()}
    files["LICENSE"] = library["LICENSE"]
    yours = frozenset({"platformio.ini", "src/main.cpp", f"lib/{about['library']}/library.json"})
    return Project(files | codegen.rendered("platformio/project", about), yours)


def refusal(board: Board) -> str | None:
    """Why there is no project for a board."""
    if board.platformio is None:
        return f"PlatformIO has no board that is known to be {board.name}: its board file has no table [platformio]"
    return None
