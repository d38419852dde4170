"""What this computer has of all that tinyprune can use, what is missing for what, and the command that brings it.

Programs are run to show that they start and compilers compile a line of C; Python packages are only looked up.
"""

import json
import platform
import sys
from dataclasses import asdict, dataclass

from tinyprune import __version__
from tinyprune.device import boards
from tinyprune.progress import Progress
from tinyprune.tasks.doctor.check import Check
from tinyprune.tasks.doctor.desk import Connected, connected, serial_access, udev_rules
from tinyprune.tasks.doctor.software import DEFAULT_BOARD, compilers, emulators, flash_tools, packages, project_tools

__all__ = ["Check", "Connected", "Diagnosis", "diagnose", "udev_rules"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    works: bool  # `tinyprune build` for the default board
    verdict: str
    tinyprune: str
    python: str
    system: str
    checks: tuple[Check, ...]
    connected: tuple[Connected, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def diagnose(progress: Progress) -> Diagnosis:
    """Everything; takes some seconds, mostly for the compilers. Raises nothing for what is missing."""
    known = [boards.load(name) for name in boards.names()]
    checks: list[Check] = []
    progress("trying the compilers")
    checks += compilers()
    progress("looking for tools and boards")
    checks += [*emulators(known), *flash_tools(known), *project_tools(known), *packages(), *serial_access()]
    works, verdict = _verdict(checks)
    python = f"{platform.python_version()} ({sys.executable})"
    here = connected(known)
    return Diagnosis(works, verdict, __version__, python, platform.platform(), tuple(checks), tuple(here))


def _verdict(checks: list[Check]) -> tuple[bool, str]:
    """The default path needs one compiler for Arm and the built-in emulator; TensorFlow only for Keras models."""
    path = f"`tinyprune build --board {DEFAULT_BOARD}`"
    arm = [check for check in checks if check.group == "compilers" and "boards" in check.needed_for]
    broken = [] if any(check.state == "ok" for check in arm) else arm[:1]
    broken += [check for check in checks if check.name == "sim" and check.state != "ok"]
    if broken:
        return False, f"{path} does not work here: {'; '.join(f'{check.name}: {check.cure}' for check in broken)}"
    missing = [check.name for check in checks if check.state != "ok"]
    rest = f"; not here: {', '.join(missing)}" if missing else "; everything is here"
    return True, f"{path} works{rest}"
