"""Finds TFLite Micro: a source tree for its headers, and the library that TFLite Micro's own Makefile made of it.

tinyprune does not compile TFLite Micro: it links `libtensorflow-microlite.a` as its target `cortex_m_generic` builds it
for applications outside of its tree (tensorflow/lite/micro/cortex_m_generic/README.md there).
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from tinyprune.device.boards import Board
from tinyprune.errors import MissingDependency, UsageError

ROOT_VARIABLE, LIBRARY_VARIABLE = "TFLM_ROOT", "TFLM_LIBRARY"
LIBRARY = "libtensorflow-microlite.a"
#: What the generated CMake fetches where no tree is named: the commit that docs/tflm.md was measured with.
REPOSITORY = "https://github.com/tensorflow/tflite-micro"
COMMIT = "90b983c2b3f1480642e040bbd2ddb37b998f3424"
README = "tensorflow/lite/micro/cortex_m_generic/README.md"
_INTERPRETER = "tensorflow/lite/micro/micro_interpreter.h"
#: Where trees keep the headers of others: of a checkout, of one made by create_tflm_tree.py.
_THIRD_PARTY = ("tensorflow/lite/micro/tools/make/downloads", "third_party")
_HEADERS = {"flatbuffers/include": "flatbuffers/flatbuffers.h", "gemmlowp": "fixedpoint", "ruy": "ruy"}
#: A header that is needed, a word in it → since when.
NEEDED = {"tensorflow/lite/micro/micro_common.h": "TFLMRegistration", _INTERPRETER: "arena_used_bytes"}
#: Core, with and without FPU → TARGET_ARCH of TFLite Micro's Makefile (targets/cortex_m_generic_makefile.inc).
_ARCHITECTURES = {
    ("cortex-m0", False): "cortex-m0",
    ("cortex-m0plus", False): "cortex-m0plus",
    ("cortex-m3", False): "cortex-m3",
    ("cortex-m4", True): "cortex-m4+fp",
    ("cortex-m4", False): "cortex-m4",
    # cortex-m7+fp is built for an FPU of double precision, which not every Cortex-M7 has, nor the built-in emulator.
    ("cortex-m7", True): "cortex-m4+fp",
    ("cortex-m7", False): "cortex-m7",
    ("cortex-m33", True): "cortex-m33",
    ("cortex-m33", False): "cortex-m33+nodsp",  # the one without FPU
    # That of the cortex-m55 is built for Helium, which the built-in emulator has not.
    ("cortex-m55", True): "cortex-m33",
    ("cortex-m55", False): "cortex-m33+nodsp",
}
#: Of several libraries the first of these: with CMSIS-NN, and small.
_BUILD_TYPES = ("release", "release_with_logs", "default")


@dataclass(frozen=True, slots=True)
class Tree:
    """`symbols`: what the library defines; None where it is not there yet, and taken to be what `pinned` says."""

    root: Path
    includes: tuple[Path, ...]
    library: Path
    symbols: frozenset[str] | None

    @property
    def has_cmsis_nn(self) -> bool:
        return self.symbols is None or "arm_convolve_wrapper_s8" in self.symbols

    @property
    def logs(self) -> bool:
        """Whether it was built with its messages: MicroPrintf is nothing otherwise."""
        return any("MicroPrintf" in symbol for symbol in self.symbols or ())

    @property
    def takes_log_callback(self) -> bool:
        return self.symbols is None or "RegisterDebugLogCallback" in self.symbols

    @property
    def name(self) -> str:
        """For reports."""
        kernels = " + CMSIS-NN" if self.has_cmsis_nn else ", reference kernels"
        return f"TFLite Micro{kernels} ({self.library.parent.parent.name})"

    def registers(self, kind: str) -> bool:
        """Whether the library has a builtin operator, such as "CONV_2D"."""
        if self.symbols is None:
            return True
        return any(f"Register_{kind}E" in symbol or f"Register_{kind}v" in symbol for symbol in self.symbols)


def find(board: Board, root: Path | None = None) -> Tree:
    """The tree at `root`, else at TFLM_ROOT. Raises MissingDependency or UsageError, which say what is missing."""
    named = "--tflm-root"
    if root is None:
        value, named = os.environ.get(ROOT_VARIABLE), ROOT_VARIABLE
        if not value:
            raise MissingDependency(
                f"TFLite Micro is not there: give --tflm-root, or set {ROOT_VARIABLE}, to a checkout of tflite-micro "
                f"in which {LIBRARY} was built (see {README} in it); `build --no-run` writes the project without "
                f"one, and its CMake fetches it"
            )
        root = Path(value)
    root = root.expanduser().resolve()
    _check(root, named)
    library = _library(root, board, named)
    return Tree(root, (root, *_third_party(root, named)), library, symbols(library))


def is_named(root: Path | None) -> bool:
    """Whether the user has said where TFLite Micro is."""
    return root is not None or bool(os.environ.get(ROOT_VARIABLE))


def pinned(board: Board) -> Tree:
    """What the generated CMake fetches, once TFLite Micro's Makefile has made the library in it: small, with CMSIS-NN.
    Paths are relative to the checkout. Raises UsageError."""
    root, (downloads, _) = Path(), _THIRD_PARTY
    library = root / f"gen/cortex_m_generic_{architecture(board)}_release_cmsis_nn_gcc/lib" / LIBRARY
    return Tree(root, (root, *(root / downloads / folder for folder in _HEADERS)), library, None)


def architecture(board: Board) -> str:
    """The board's core as TFLite Micro's Makefile calls it. Raises UsageError."""
    found = _ARCHITECTURES.get((board.cpu.core, board.cpu.fpu))
    if found is None:
        raise UsageError(f"TFLite Micro's target cortex_m_generic has no core such as that of {board.name}")
    return found


def _check(root: Path, named: str) -> None:
    if not (root / _INTERPRETER).is_file():
        raise UsageError(f"{named}={root} is no tree of TFLite Micro: it has no {_INTERPRETER}")
    for header, word in NEEDED.items():
        path = root / header
        if not path.is_file() or word not in path.read_text(encoding="utf-8", errors="replace"):
            raise UsageError(f"{named}={root} is too old: {header} has no {word}; take a TFLite Micro of 2024 or later")


def _third_party(root: Path, named: str) -> list[Path]:
    found = []
    for folder, header in _HEADERS.items():
        places = [root / place / folder for place in _THIRD_PARTY]
        hit = next((place for place in places if (place / header).exists()), None)
        if hit is None:
            raise UsageError(
                f"{named}={root} has no {folder} in {' or '.join(_THIRD_PARTY)}: TFLite Micro's own build downloads it"
            )
        found.append(hit)
    return found


def _library(root: Path, board: Board, named: str) -> Path:
    value = os.environ.get(LIBRARY_VARIABLE)
    if value:
        if not Path(value).is_file():
            raise UsageError(f"{LIBRARY_VARIABLE}={value}: there is no such file")
        return Path(value).resolve()
    core = architecture(board)
    folders = [path.parent.parent for path in root.glob(f"gen/cortex_m_generic_{core}_*/lib/{LIBRARY}")]
    if not folders:
        raise MissingDependency(
            f"{named}={root} has no gen/cortex_m_generic_{core}_*/lib/{LIBRARY}: build TFLite Micro for "
            f"{core} as {README} in it tells, or name a library with {LIBRARY_VARIABLE}"
        )
    return min(folders, key=lambda folder: _rank(folder.name.partition(f"_{core}_")[2])) / "lib" / LIBRARY


def _rank(build: str) -> tuple[bool, int, str]:
    """Of "release_cmsis_nn_gcc" and the like, the smaller the better."""
    kinds = [number for number, kind in enumerate(_BUILD_TYPES) if build.startswith(kind)]
    return "cmsis_nn" not in build, max(kinds, default=len(_BUILD_TYPES)), build


def symbols(library: Path) -> frozenset[str]:
    """What an archive defines, from the index that `ar` puts first. Raises UsageError where there is none."""
    with library.open("rb") as stream:
        if stream.read(8) == b"!<arch>\n":
            header = stream.read(60)
            if header[:16].rstrip() == b"/":
                index = stream.read(int(header[48:58]))
                (count,) = struct.unpack_from(">I", index)
                return frozenset(name.decode() for name in index[4 + 4 * count :].split(b"\0") if name)
    raise UsageError(f"{library} is no static library with an index of symbols (GNU ar makes one)")
