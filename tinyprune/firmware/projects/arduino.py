"""An Arduino library: a folder and a .zip that the IDE's "Add .ZIP Library" and `arduino-cli lib` take, with sketches.

Library specification 1.5, rev. 2.2: arduino.github.io/arduino-cli/latest/library-specification. The C lies flat in
src/tinyprune/, where the files find one another without include paths; only src/ is searched for headers.
"""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from tinyprune.compiler.program import Program
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FirmwareSource, Project
from tinyprune.device.flash_methods import ArduinoCli
from tinyprune.firmware import codegen, names
from tinyprune.firmware.projects.bare import license_text

#: arduino-lint recommends no more (LP010); the folder may have 63.
_NAME_CHARACTERS = 32
#: What the network's header has under names of its own, the app wants under those of every network.
_ANY_NETWORK = "network/network.h"
#: What the sketch `Benchmark` takes from the app: the protocol, which it connects to `Serial`.
_PROTOCOL = ("port.h", "protocol.c", "protocol.h", "text.c", "text.h")
#: The protocol's `audio` commands, which are no part of a library.
LISTENER = frozenset({"audio/tp_listener.c", "audio/tp_listener.h"})


def make(program: Program, source: FirmwareSource, name: str) -> Project:
    """`NAME/` and `NAME.zip`, the library NAME with the sketches of EXAMPLES that suit this network."""
    library = library_name(name)
    about = {**about_library(program, name), "hears": source.hears}
    files = library_files(source, about) | codegen.rendered("arduino/library", about)
    for sketch, beside in EXAMPLES.items():
        more = beside(program, source, library)
        if more is not None:
            files |= {f"examples/{sketch}/{path}": text for path, text in more.items()}
            rendered = codegen.rendered(f"arduino/examples/{sketch}", about)
            files |= {f"examples/{sketch}/{path}": text for path, text in rendered.items()}
    yours = {path for path in files if path.endswith(".ino")} | {"library.properties"}
    return Project(
        {f"{library}/{path}": text for path, text in files.items()},
        frozenset(f"{library}/{path}" for path in yours),
        archive=library,
    )


def refusal(board: Board) -> str | None:
    """Why there is no library for a board."""
    if board.cpu.core == "host":
        return "the PC runs no sketches; give the board that will, such as --board nano33"
    return None


def library_name(name: str) -> str:
    """Of the library, its folder and its header."""
    return names.library_name(name)[:_NAME_CHARACTERS].rstrip("_")


def about_library(program: Program, name: str) -> dict[str, Any]:
    """What the templates of a library may say."""
    methods = program.board.flashing.values()
    fqbn = next((method.fqbn for method in methods if isinstance(method, ArduinoCli)), "")
    about = codegen.context(program, name)
    return {**about, "network": about["library"], "library": library_name(name), "fqbn": fqbn}


def library_files(source: FirmwareSource, about: dict[str, Any]) -> dict[str, str]:
    """The network and its kernels as the library's src/, and the licence."""
    folders = ("network/", "runtime/", "audio/")
    others = {*LISTENER, _ANY_NETWORK}
    mine = {path: text for path, text in source.files.items() if path.startswith(folders) and path not in others}
    flat = {f"src/tinyprune/{PurePosixPath(path).name}": text for path, text in mine.items()}
    header = codegen.render("arduino/library.h.j2", {**about, "hears": source.hears})
    return {**flat, f"src/{about['library']}.h": header, "LICENSE": license_text()}


def no_files(_program: Program, source: FirmwareSource, _library: str) -> dict[str, str] | None:
    """A sketch that needs ears and nothing beside it."""
    return {} if source.hears else None


def protocol_files(_program: Program, source: FirmwareSource, library: str) -> dict[str, str]:
    """What a sketch needs beside it to speak the protocol; its `network.h` leads to the library's."""
    header = re.sub(r'#include "\w+\.h"', f"#include <{library}.h>", source.files[_ANY_NETWORK])
    return {**{name: source.files[f"app/{name}"] for name in _PROTOCOL}, "network.h": header}


#: Sketch in firmware_templates/arduino/examples → the files beside it; None where it does not suit the network.
EXAMPLES: dict[str, Callable[[Program, FirmwareSource, str], dict[str, str] | None]] = {
    "Benchmark": protocol_files,
    "KeywordSpotting": no_files,
}
