"""What this computer has of all that tinyprune can use, what is missing for what, and the command that brings it.

Programs are run to show that they start and compilers compile a line of C; Python packages are only looked up.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tinyprune import __version__, boards, ports, toolchain
from tinyprune.boards import Board
from tinyprune.emulators import renode
from tinyprune.errors import MissingDependency
from tinyprune.flash_methods import Bossac
from tinyprune.flashers import bossac

State = Literal["ok", "missing", "problem"]

#: The board of the README's command, whose path must work.
DEFAULT_BOARD = "nano33"
_TOOL_TIMEOUT_S = 20.0
_COMPILE_TIMEOUT_S = 120.0
_ARDUINO_CLI = (  # arduino.github.io/arduino-cli/latest/installation
    "`curl -fsSL https://raw.githubusercontent.com/arduino/arduino-cli/master/install.sh | BINDIR=~/.local/bin sh`"
)
_LINE_OF_C = "int answer(int x);\nint answer(int x) { return x + 42; }\n"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing, and the command that brings it (or what to do about it) unless it is there."""

    group: str
    name: str
    state: State
    found: str  # version, place; what is wrong with it
    needed_for: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Connected:
    """A USB device that board files know."""

    device: str  # its serial port; empty for one without
    usb_id: str
    serial_number: str
    boards: tuple[str, ...]
    what: str  # which state of the board, or its probe
    problem: str  # why it cannot be used; empty where it can
    cure: str = ""


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


def diagnose(progress: Callable[[str], None]) -> Diagnosis:
    """Everything; takes some seconds, mostly for the compilers. Raises nothing for what is missing."""
    known = [boards.load(name) for name in boards.names()]
    checks: list[Check] = []
    progress("trying the compilers")
    checks += compilers()
    progress("looking for tools and boards")
    checks += [*emulators(known), *flash_tools(known), *packages(), *serial_access()]
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


def compilers() -> Iterator[Check]:
    """Each compiler that the toolchain knows, tried on a line of C."""
    arm = boards.load(DEFAULT_BOARD)
    rows = (
        ("gcc", arm, "arm-none-eabi-gcc", _install("gcc-arm-none-eabi", "gcc-arm-embedded")),
        ("zig", arm, "zig cc (ziglang)", pip("ziglang")),
        ("gcc", boards.load("host"), "gcc", _install("gcc", "gcc")),
    )
    for key, board, name, cure in rows:
        use = "firmware for boards" if board is arm else "the board host (zig serves too)"
        if board is arm and key == "gcc":
            use += " (preferred to zig)"
        compiler = toolchain.COMPILERS[key](board)
        if compiler is None:
            yield Check("compilers", name, "missing", "", use, cure)
            continue
        problem = _try_compiler(compiler)
        state: State = "problem" if problem else "ok"
        yield Check("compilers", name, state, problem or compiler.version, use, cure if problem else "")


def _try_compiler(compiler: toolchain.Compiler) -> str:
    """Why it does not compile; empty if it does."""
    with tempfile.TemporaryDirectory(prefix="tinyprune-") as folder:
        source = Path(folder) / "line.c"
        source.write_text(_LINE_OF_C, encoding="utf-8")
        command = [*compiler.command, *compiler.compile_flags, "-c", str(source), "-o", str(Path(folder) / "line.o")]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_COMPILE_TIMEOUT_S, errors="replace"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"does not run: {error}"
        return "" if done.returncode == 0 else f"does not compile: {' '.join(done.stderr.split())[:200]}"


def emulators(known: list[Board]) -> Iterator[Check]:
    sim, problem = _version("unicorn"), _try_unicorn()
    run_by = {name: [board.name for board in known if name in board.emulators] for name in ("sim", "qemu", "renode")}
    state: State = "ok" if sim and not problem else "problem" if sim else "missing"
    use = f"running and counting: {_some(run_by['sim'])}"
    yield Check("emulators", "sim", state, problem or f"unicorn {sim}", use, pip("unicorn") if state != "ok" else "")
    use = f"`--emulator qemu`: {_some(run_by['qemu'])}"
    yield _tool("emulators", "qemu-system-arm", ["--version"], use, _install("qemu-system-arm", "qemu"))
    yield _renode(f"`--emulator renode`, renode-test: {_some(run_by['renode'])}")


def _renode(use: str) -> Check:
    try:
        found = renode.find()
    except MissingDependency as error:
        what, _, cure = str(error).partition("; ")
        state: State = "missing" if what.startswith("renode is not installed") else "problem"
        return Check("emulators", "renode", state, what if state == "problem" else "", use, cure)
    return Check("emulators", "renode", "ok", f"{found.version} ({found.path})", use)


def _try_unicorn() -> str:
    """Why it does not start; empty if it does, or is not installed."""
    try:
        import unicorn

        unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    except ImportError as error:
        return f"cannot be imported: {error}" if _version("unicorn") else ""
    except unicorn.UcError as error:
        return f"does not start: {error}"
    return ""


def flash_tools(known: list[Board]) -> Iterator[Check]:
    """The programs behind the flash methods; `uf2` and `massstorage` need none."""
    users = {
        name: _some([board.name for board in known if name in board.flashing])
        for name in ("bossac", "openocd", "arduino-cli", "dfu", "jlink", "pyocd")
    }
    yield _bossac(known, users["bossac"])
    yield _tool("flash tools", "openocd", ["--version"], users["openocd"], _install("openocd", "open-ocd"))
    cli = "`brew install arduino-cli`" if sys.platform == "darwin" else _ARDUINO_CLI
    yield _tool("flash tools", "arduino-cli", ["version"], users["arduino-cli"], cli)
    yield _tool("flash tools", "dfu-util", ["--version"], users["dfu"], _install("dfu-util", "dfu-util"))
    jlink = "JLink.exe" if sys.platform == "win32" else "JLinkExe"
    yield _tool("flash tools", jlink, None, users["jlink"], "https://www.segger.com/downloads/jlink")
    yield _package("flash tools", "pyocd", users["pyocd"], pip("pyocd"))


def _bossac(known: list[Board], users: str) -> Check:
    """Only a build that knows the boards' chips will do."""
    devices = sorted({how.device for board in known for how in board.flashing.values() if isinstance(how, Bossac)})
    cure = "`arduino-cli core install arduino:mbed_nano` brings Arduino's build (Debian's does not know these boards)"
    on_path = shutil.which("bossac")
    candidates = ([Path(on_path)] if on_path else []) + bossac.arduino_builds()
    for path in candidates:
        if all(bossac.knows(path, device) for device in devices):
            return Check("flash tools", "bossac", "ok", str(path), users)
    if candidates:
        unknown = ", ".join(devices)
        return Check("flash tools", "bossac", "problem", f"{candidates[0]} does not know {unknown}", users, cure)
    return Check("flash tools", "bossac", "missing", "", users, cure)


def packages() -> Iterator[Check]:
    for name, use in (
        ("tflite-micro", "comparing with TFLite Micro (else our NumPy reference)"),
        ("tensorflow", "Keras models: quantize, prune, train"),
        ("tf_keras", "Keras models: quantize, prune, train"),
        ("tensorflow-model-optimization", "training with tfmot (examples/kws)"),
        ("soundfile", "reading Speech Commands"),
        ("bakenn", "comparing with CMSIS-NN (benchmarks)"),
        ("matplotlib", "plots of the benchmarks"),
    ):
        yield _package("Python packages", name, use, pip(name))


def serial_access() -> Iterator[Check]:
    """Whether this user may open serial ports: each one that is there, and the group that will own those to come."""
    use = "flash, bench --port, monitor"
    for port in ports.listed():
        if port.usb_id and sys.platform != "win32" and not os.access(port.device, os.R_OK | os.W_OK):
            cure = ports.permission_advice(port.device)
            yield Check("serial ports", port.device, "problem", "no permission to open it", use, cure)
    if not sys.platform.startswith("linux"):
        return
    import grp

    group = next((name for name in ("dialout", "uucp") if _group(name) is not None), None)
    if os.geteuid() == 0 or group is None:
        yield Check("serial ports", "permission", "ok", "root may open every port" if os.geteuid() == 0 else "", use)
    elif grp.getgrnam(group).gr_gid in (*os.getgroups(), os.getegid()):
        yield Check("serial ports", f"group {group}", "ok", "you are in it", use)
    elif os.environ.get("USER", "") in grp.getgrnam(group).gr_mem:
        yield Check("serial ports", f"group {group}", "problem", "not in this session yet", use, "log out and in again")
    else:
        cure = f"`sudo usermod -aG {group} $USER`, then log out and in"
        yield Check("serial ports", f"group {group}", "missing", "", use, cure)


def _group(name: str) -> int | None:
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def connected(known: list[Board]) -> Iterator[Connected]:
    """Ports and USB devices whose ids stand in a board file."""
    seen = ports.listed()
    with_port = {(port.usb_id, port.serial_number) for port in seen}
    others = [one for one in ports.usb_devices() if (one.usb_id, one.serial_number) not in with_port]
    for port in (*seen, *others):
        owners = [board for board in known if port.usb_id in ports.usb_ids(board)]
        if not owners:
            continue
        usb = owners[0].usb
        assert usb is not None
        states = {usb.sketch: "a program with USB runs", usb.bootloader: "in its bootloader"}
        what = states.get(port.usb_id, "debug probe")
        node = port.device or port.node
        usable = sys.platform == "win32" or not node or os.access(node, os.R_OK | os.W_OK)
        cure = "" if usable else f"`tinyprune doctor --udev | sudo tee {ports.UDEV_FILE}`, and plug it in again"
        names = tuple(board.name for board in owners)
        problem = "" if usable else f"no permission to open {node}"
        yield Connected(port.device, port.usb_id, port.serial_number, names, what, problem, cure)


def udev_rules() -> list[str]:
    """A rules file for every board and probe of the board files."""
    rules = {rule for name in boards.names() for rule in ports.udev_rules(boards.load(name))}
    return [f"# {ports.UDEV_FILE}, of `tinyprune doctor --udev`", *sorted(rules)]


def _tool(group: str, name: str, arguments: list[str] | None, use: str, cure: str) -> Check:
    """A program on PATH, run for its version unless it has no such option."""
    path = shutil.which(name)
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
    version = re.search(r"\d+\.\d+(\.\d+)?\S*", first)
    return Check(group, name, "ok", f"{version[0].rstrip(',')} ({path})" if version else path, use)


def _package(group: str, name: str, use: str, cure: str) -> Check:
    version = _version(name)
    return Check(group, name, "ok" if version else "missing", version or "", use, "" if version else cure)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def pip(package: str) -> str:
    """The command that installs into this very environment."""
    python = sys.executable
    if importlib.util.find_spec("pip") is not None:
        return f"`{python} -m pip install '{package}'`"
    return f"`python3 -m pip --python {python} install '{package}'`"


def _install(apt: str, brew: str) -> str:
    if sys.platform == "darwin":
        return f"`brew install {brew}`"
    if shutil.which("apt-get"):
        return f"`sudo apt-get install {apt}`"
    return f"install {apt} (Debian's name) with your package manager"


def _some(names: list[str]) -> str:
    """A few of the names."""
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown or "no board yet"
