"""Compilers, emulators, flash tools, what projects are built with, and Python packages."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tinyprune.device import boards
from tinyprune.device.boards import Board
from tinyprune.device.emulators import renode
from tinyprune.device.flash_methods import ArduinoCli, Bossac
from tinyprune.device.flashers import bossac
from tinyprune.device.flashers.tool import arduino_versions
from tinyprune.errors import MissingDependency, UsageError
from tinyprune.firmware import toolchain
from tinyprune.firmware.tflm import tree
from tinyprune.tasks.doctor.check import Check, State, install, package, pip, some, tool, version

#: The board of the README's command, whose path must work.
DEFAULT_BOARD = "nano33"
_COMPILE_TIMEOUT_S = 120.0
_ROBOT_MODULES = (
    "robot",
    "psutil",
    "yaml",
)  # of Renode's tests/requirements.txt, without which its suites do not start
_ARDUINO_CLI = (  # arduino.github.io/arduino-cli/latest/installation
    "`curl -fsSL https://raw.githubusercontent.com/arduino/arduino-cli/master/install.sh | BINDIR=~/.local/bin sh`"
)
_LINE_OF_C = "int answer(int x);\nint answer(int x) { return x + 42; }\n"


def compilers() -> Iterator[Check]:
    """Each compiler that the toolchain knows, tried on a line of C."""
    arm = boards.load(DEFAULT_BOARD)
    rows = (
        ("gcc", arm, "arm-none-eabi-gcc", install("gcc-arm-none-eabi", "gcc-arm-embedded")),
        ("zig", arm, "zig cc (ziglang)", pip("ziglang")),
        ("gcc", boards.load("host"), "gcc", install("gcc", "gcc")),
    )
    for key, board, name, cure in rows:
        use = "firmware for boards" if board is arm else "the board host (zig serves too)"
        if board is arm and key == "gcc":
            use += " (preferred to zig)"
        try:
            compiler = toolchain.COMPILERS[key](board)
        except MissingDependency as error:
            yield Check("compilers", name, "problem", str(error), use, cure)
            continue
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
    sim, problem = version("unicorn"), _try_unicorn()
    run_by = {name: [board.name for board in known if name in board.emulators] for name in ("sim", "qemu", "renode")}
    state: State = "ok" if sim and not problem else "problem" if sim else "missing"
    use = f"running and counting: {some(run_by['sim'])}"
    yield Check("emulators", "sim", state, problem or f"unicorn {sim}", use, pip("unicorn") if state != "ok" else "")
    use = f"`--emulator qemu`: {some(run_by['qemu'])}"
    yield tool("emulators", "qemu-system-arm", ["--version"], use, install("qemu-system-arm", "qemu"))
    yield from _renode(some(run_by["renode"]))


def _renode(boards: str) -> Iterator[Check]:
    use = f"`--emulator renode`: {boards}"
    try:
        found = renode.find()
    except MissingDependency as error:
        what, _, cure = str(error).partition("; ")
        state: State = "missing" if what.startswith("renode is not installed") else "problem"
        yield Check("emulators", "renode", state, what if state == "problem" else "", use, cure)
        return
    yield Check("emulators", "renode", "ok", f"{found.version} ({found.path})", use)
    yield _renode_test(Path(found.path), f"the suites that a build leaves in renode/: {boards}")


def _renode_test(program: Path, use: str) -> Check:
    """It is a script beside Renode that runs Robot Framework by the `python3` on PATH."""
    beside = program.resolve().with_name("renode-test")
    found = shutil.which("renode-test") or (str(beside) if beside.is_file() else None)
    if found is None:
        return Check("emulators", "renode-test", "missing", "", use, "it is in Renode's folder: put that on PATH")
    lacking = _lacking(_ROBOT_MODULES)
    if lacking:
        cure = f"python3 -m pip install -r {beside.parent / 'tests/requirements.txt'}"
        return Check("emulators", "renode-test", "problem", f"{found}, but {lacking}", use, cure)
    return Check("emulators", "renode-test", "ok", found, use)


def _lacking(modules: Sequence[str]) -> str:
    """What the `python3` on PATH lacks, as the end of a sentence; empty: nothing."""
    code = "import importlib.util as u, sys; print(*[name for name in sys.argv[1:] if u.find_spec(name) is None])"
    try:
        done = subprocess.run(
            ["python3", "-c", code, *modules], capture_output=True, text=True, check=True, timeout=_COMPILE_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"python3 does not run: {error}"
    return f"python3 lacks {', '.join(done.stdout.split())}" if done.stdout.strip() else ""


def _try_unicorn() -> str:
    """Why it does not start; empty if it does, or is not installed."""
    try:
        import unicorn

        unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    except ImportError as error:
        return f"cannot be imported: {error}" if version("unicorn") else ""
    except unicorn.UcError as error:
        return f"does not start: {error}"
    return ""


def flash_tools(known: list[Board]) -> Iterator[Check]:
    """The programs behind the flash methods; `uf2` and `massstorage` need none."""
    users = {
        name: some([board.name for board in known if name in board.flashing])
        for name in ("bossac", "openocd", "arduino-cli", "dfu", "jlink", "pyocd")
    }
    yield _bossac(known, users["bossac"])
    yield tool("flash tools", "openocd", ["--version"], users["openocd"], install("openocd", "open-ocd"))
    cli = "`brew install arduino-cli`" if sys.platform == "darwin" else _ARDUINO_CLI
    yield tool("flash tools", "arduino-cli", ["version"], users["arduino-cli"], cli)
    yield tool("flash tools", "dfu-util", ["--version"], users["dfu"], install("dfu-util", "dfu-util"))
    jlink = "JLink.exe" if sys.platform == "win32" else "JLinkExe"
    yield tool("flash tools", jlink, None, users["jlink"], "https://www.segger.com/downloads/jlink")
    yield package("flash tools", "pyocd", users["pyocd"], pip("pyocd"))


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


def project_tools(known: list[Board]) -> Iterator[Check]:
    """What users build `project/` with, and the tree of TFLite Micro."""
    yield tool("projects", "cmake", ["--version"], "`build --project cmake`, 3.21 or later", install("cmake", "cmake"))
    here = Path(sys.executable).parent  # where pip puts it, on PATH once the environment is activated
    yield tool("projects", "pio", ["--version"], "`build --project platformio`", pip("platformio"), here)
    cores: dict[str, list[str]] = {}
    for board in known:
        for how in board.flashing.values():
            if isinstance(how, ArduinoCli):
                cores.setdefault(how.core, []).append(board.name)
    for core, users in cores.items():
        yield _arduino_core(core, f"`build --project arduino`, `flash --method arduino-cli`: {some(users)}")
    yield _tflite_micro()


def _arduino_core(core: str, use: str) -> Check:
    vendor, _, architecture = core.partition(":")
    versions = arduino_versions(f"{vendor}/hardware/{architecture}")
    if versions:
        return Check("projects", core, "ok", f"{versions[0].name} ({versions[0]})", use)
    cure = f"`arduino-cli core install {core}`, or the boards manager of the Arduino IDE"
    return Check("projects", core, "missing", "", use, cure)


def _tflite_micro() -> Check:
    """A tree with what its own build makes, for the default board."""
    name, use = tree.ROOT_VARIABLE, "`build --runtime tflm`"
    cure = (
        f"`git clone https://github.com/tensorflow/tflite-micro`, build {tree.LIBRARY} in it as its own README tells, "
        f"and set {name} to it (docs/tflm.md)"
    )
    try:
        found = tree.find(boards.load(DEFAULT_BOARD))
    except (MissingDependency, UsageError) as error:
        if name in os.environ:
            return Check("projects", name, "problem", str(error), use, cure)
        return Check("projects", name, "missing", "", use, cure)
    return Check("projects", name, "ok", f"{found.name} ({found.root})", use)


def packages() -> Iterator[Check]:
    for name, use in (
        ("tflite-micro", "comparing with TFLite Micro (else our NumPy reference)"),
        ("tensorflow", "Keras models: quantize, prune, train"),
        ("tf_keras", "Keras models: quantize, prune, train"),
        ("tensorflow-model-optimization", "training with tfmot (examples/kws)"),
        ("optuna", "sweep"),
        ("bakenn", "comparing with CMSIS-NN (benchmarks)"),
        ("matplotlib", "pages with pictures (--html), plots of the benchmarks"),
        ("pydantic", "reports read back (page)"),
    ):
        yield package("Python packages", name, use, pip(name))
