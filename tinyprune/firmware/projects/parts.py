"""What projects share: the network with one public header, for programs with a build system of their own."""

from pathlib import PurePosixPath
from typing import Any

from tinyprune.compiler.program import Program
from tinyprune.device.firmware import FirmwareSource
from tinyprune.firmware import codegen
from tinyprune.firmware.projects import arduino
from tinyprune.firmware.projects.bare import license_text
from tinyprune.firmware.toolchain import optimization

#: What the header of all networks is for: `app/`.
_ANY_NETWORK = "network/network.h"


def library(source: FirmwareSource, name: str) -> dict[str, str]:
    """`include/` with what a program includes: the header called `name`, which may stand beside other networks' in a
    global search path, and the front end's; `src/` with all the rest, for this library alone."""
    others = {*arduino.LISTENER, _ANY_NETWORK}
    found = {"LICENSE": license_text()}
    for path, text in source.files.items():
        public = path == f"network/{name}.h" or (path.startswith("audio/") and path.endswith(".h"))
        if path.startswith(("network/", "runtime/", "audio/")) and path not in others:
            found[f"{'include' if public else 'src'}/{PurePosixPath(path).name}"] = text
    return found


def about(program: Program, name: str, files: dict[str, str]) -> dict[str, Any]:
    """What the templates of such a project may say."""
    sources = sorted(path for path in files if path.endswith(".c"))
    return {**codegen.context(program, name), "sources": sources, "optimization": optimization(program.board)}


def benchmark(program: Program, source: FirmwareSource, name: str) -> dict[str, str]:
    """The program that answers the protocol, without its port and `main.c`."""
    return arduino.protocol_files(program, source, name)
