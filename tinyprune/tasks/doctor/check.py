"""What a look at this computer brings, and how programs and packages are looked at."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "missing", "problem"]

_TOOL_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing, and the command that brings it (or what to do about it) unless it is there."""

    group: str
    name: str
    state: State
    found: str  # version, place; what is wrong with it
    needed_for: str
    cure: str = ""


def tool(group: str, name: str, arguments: list[str] | None, use: str, cure: str, beside: Path | None = None) -> Check:
    """A program on PATH, or in the folder `beside`, run for its version unless it has no such option."""
    path = shutil.which(name) or (shutil.which(name, path=str(beside)) if beside else None)
    if path is None:
        return Check(group, name, "missing", "", use, cure)
    if arguments is None:
        return Check(group, name, "ok", path, use)
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, check=False, timeout=_TOOL_TIMEOUT_S, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(group, name, "problem", f"{path} does not run: {error}", use, cure)
    first = next((line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), "")
    if done.returncode != 0:
        return Check(group, name, "problem", f"{path} fails: {first}", use, cure)
    number = re.search(r"\d+\.\d+(\.\d+)?\S*", first)
    return Check(group, name, "ok", f"{number[0].rstrip(',')} ({path})" if number else path, use)


def package(group: str, name: str, use: str, cure: str) -> Check:
    """A Python package, looked up but not imported."""
    found = version(name)
    return Check(group, name, "ok" if found else "missing", found or "", use, "" if found else cure)


def version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def pip(name: str) -> str:
    """The command that installs into this very environment."""
    python = sys.executable
    if importlib.util.find_spec("pip") is not None:
        return f"`{python} -m pip install '{name}'`"
    return f"`python3 -m pip --python {python} install '{name}'`"


def install(apt: str, brew: str) -> str:
    if sys.platform == "darwin":
        return f"`brew install {brew}`"
    if shutil.which("apt-get"):
        return f"`sudo apt-get install {apt}`"
    return f"install {apt} (Debian's name) with your package manager"


def some(names: list[str]) -> str:
    """A few of the names."""
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown or "no board yet"
