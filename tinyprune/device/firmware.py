"""The nouns between the C half's stages: source files, the project around them, a linked image."""

from dataclasses import dataclass
from pathlib import Path

#: Of finished builds. Another number wherever older ones can no longer be run, measured or flashed: fields of their
#: report that are read again, commands that firmware answers, registers that the emulators have become strict about.
FORMAT = 1


@dataclass(frozen=True, slots=True)
class FirmwareSource:
    """What our own build compiles: path inside its folder → text."""

    board: str
    model_sha256: str
    files: dict[str, str]

    @property
    def hears(self) -> bool:
        return "audio/tp_audio.h" in self.files


@dataclass(frozen=True, slots=True)
class Project:
    """What the user gets to build, read and change: path inside the project folder → text."""

    files: dict[str, str]
    yours: frozenset[str] = frozenset()  # of them, those that users are meant to change: a later build keeps changes
    archive: str | None = None  # a folder in it that also comes as a .zip of that name


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """A linked program. Flash is what is programmed; RAM is static data and the arena, without the stack."""

    board: str
    model_sha256: str
    compiler: str  # "arm-none-eabi-gcc 12.2.1", "zig cc 0.17.1 (clang 21.1)"
    elf: Path
    flash_bytes: int
    ram_bytes: int
