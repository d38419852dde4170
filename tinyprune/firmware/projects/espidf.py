"""An ESP-IDF project with the network as a component: docs.espressif.com, "Build System"."""

from tinyprune.compiler.program import Program
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.firmware import codegen
from tinyprune.firmware.names import library_name
from tinyprune.firmware.projects import parts


def make(program: Program, source: FirmwareSource, name: str) -> Project:
    """`CMakeLists.txt`, `main/` and `components/NAME/`."""
    library = library_name(name)
    component = f"components/{library}"
    files = parts.library(source, library)
    rendered = codegen.rendered("espidf", parts.about(program, name, files))
    scaffold = {path.replace("components/NAME", component): text for path, text in rendered.items()}
    files = {**{f"{component}/{path}": text for path, text in files.items()}, **scaffold}
    files |= {f"main/{path}": text for path, text in parts.benchmark(program, source, library).items()}
    files["LICENSE"] = files[f"{component}/LICENSE"]
    return Project(files, frozenset({"CMakeLists.txt", "sdkconfig.defaults", f"{component}/idf_component.yml"}))


def refusal(board: Board) -> str | None:
    """Why there is no project for a board."""
    if "dsp" in board.isas:
        return "ESP32 chips have none of Arm's DSP instructions; --board cortex-m3 has portable kernels alone"
    return None
