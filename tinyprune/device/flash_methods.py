"""What each way of programming a board has to know of it: the tables `[flashing.NAME]` of a board file, data only.

Their order in the file is the order of preference; `tinyprune.device.flashers` has the code, one method a file.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bossac:
    """A SAM-BA bootloader behind USB serial, entered by opening the sketch's port at 1200 baud."""

    device: str  # as `bossac --info` names it
    offset: int = 0  # of `flash.origin` in the flash that the bootloader shows


@dataclass(frozen=True, slots=True)
class Uf2:
    """A bootloader that shows a volume with INFO_UF2.TXT and takes .uf2 files."""

    family: int  # the id in each block: github.com/microsoft/uf2, utils/uf2families.json
    board_ids: tuple[str, ...]  # what Board-ID in INFO_UF2.TXT begins with
    label: str  # of the volume: only for advice, never to find it


@dataclass(frozen=True, slots=True)
class MassStorage:
    """A debug probe that shows a volume and programs what is copied there."""

    board_codes: tuple[str, ...]  # what Unique ID in DETAILS.TXT, or code= in MBED.HTM, begins with
    label: str = ""  # of the volume, if it is known: only for advice, never to find it
    suffix: str = "hex"  # of the file it takes: "hex", or "bin" where that goes to the start of the flash


@dataclass(frozen=True, slots=True)
class Pyocd:
    target: str  # as `pyocd list --targets` names it
    pack: str = ""  # the CMSIS pack that brings the target, where pyocd has it not built in


@dataclass(frozen=True, slots=True)
class Openocd:
    config: tuple[str, ...]  # files of its scripts folder, the probe's first
    transport: str = ""  # where the probe's own choice is wrong: "swd" for J-Link


@dataclass(frozen=True, slots=True)
class ArduinoCli:
    fqbn: str  # package:architecture:board

    @property
    def core(self) -> str:
        """What `arduino-cli core install` takes."""
        return ":".join(self.fqbn.split(":")[:2])


@dataclass(frozen=True, slots=True)
class Dfu:
    """A bootloader of USB's DFU class with ST's addresses."""

    interface: int = 0  # its alternate setting for the internal flash


@dataclass(frozen=True, slots=True)
class Jlink:
    device: str  # as J-Link's list of devices names it
    speed_khz: int = 4_000


FlashMethod = Bossac | Uf2 | MassStorage | Pyocd | Openocd | ArduinoCli | Dfu | Jlink

#: Name on the command line and in board files → what its table holds.
FLASH_METHODS: dict[str, type[FlashMethod]] = {
    "bossac": Bossac,
    "uf2": Uf2,
    "massstorage": MassStorage,
    "pyocd": Pyocd,
    "openocd": Openocd,
    "arduino-cli": ArduinoCli,
    "dfu": Dfu,
    "jlink": Jlink,
}
