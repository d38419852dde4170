"""The nouns between the C half's stages: source files, then a linked image."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FirmwareSource:
    """A complete project: path inside the project folder → text."""

    board: str
    model_sha256: str
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """A linked program. Flash is what is programmed; RAM is static data and the arena, without the stack."""

    board: str
    model_sha256: str
    compiler: str  # "arm-none-eabi-gcc 12.2.1", "zig cc 0.17.1 (clang 21.1)"
    elf: Path
    flash_bytes: int
    ram_bytes: int
