"""The built-in emulator in a process of its own: a fault of its native code is a sentence, and a wait has an end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from tinyprune.device.boards import Board
from tinyprune.device.emulators import sim
from tinyprune.device.emulators.profile import Profile
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Clock
from tinyprune.errors import TargetError
from tinyprune.processes import apart

#: By the clock on the wall, for a process that gets no time to compute: of that, sim.PATIENCE_S is enough.
_DEADLINE_S = 1200.0
_MAKER = f"{sim.__name__}:start"


def start(
    image: FirmwareImage,
    board: Board,
    *,
    profile: bool = False,
    patience_s: float = sim.PATIENCE_S,
    deadline_s: float = _DEADLINE_S,
) -> "SimLink":
    """As `sim.start`, there. Raises TargetError."""
    return SimLink(image, board, deadline_s, profile=profile, patience_s=patience_s)


class SimLink:
    """An Emulator: `sim.SimLink`, which documents what is here, in another process."""

    def __init__(self, image: FirmwareImage, board: Board, deadline_s: float, **options: object) -> None:
        # the process may have begun in another working folder
        self._made_of = (replace(image, elf=image.elf.absolute()), board, options)
        self._deadline_s = deadline_s
        self._is_posted = False
        self._boot()
        self._clock = cast("Clock", self._call("clock"))

    def _boot(self) -> None:
        image, board, options = self._made_of
        self._ended = ""
        try:
            self._remote = apart.Remote(_MAKER, image, board, timeout_s=self._deadline_s, **options)
        except apart.Died as death:
            raise TargetError(f"the emulator {death}") from None

    def write(self, data: bytes) -> None:
        self._call("write", data)

    def read(self, timeout_s: float) -> bytes:
        return cast("bytes", self._call("read", timeout_s))

    def close(self) -> None:
        self._ended = self._ended or "the emulator is closed"
        self._remote.close()

    # HasButton

    def post(self, data: bytes) -> None:
        with self._told():
            self._remote.begin("write", data)
        self._is_posted = True

    def is_busy(self, within_s: float) -> bool:
        if self._is_posted:
            with self._told():
                self._is_posted = self._remote.is_busy(within_s)
                if not self._is_posted:
                    self._remote.result(self._deadline_s)
        return self._is_posted

    def restart(self) -> None:
        self._remote.close()
        self._is_posted = False
        self._boot()

    # HasMicrophone

    def hear(self, samples: Sequence[int]) -> None:
        self._call("hear", list(samples))

    @property
    def lit(self) -> bool:
        return cast("bool", self._call("lit"))

    # HasMemory

    def write_memory(self, symbol: str, data: bytes) -> None:
        self._call("write_memory", symbol, data)

    def read_memory(self, symbol: str, offset: int, size: int) -> bytes:
        return cast("bytes", self._call("read_memory", symbol, offset, size))

    @property
    def clock(self) -> Clock:
        return self._clock

    def profile(self) -> Profile:
        return cast("Profile", self._call("profile"))

    def _call(self, name: str, *arguments: object) -> Any:
        with self._told():
            return self._remote.call(name, *arguments, timeout_s=self._deadline_s)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What ends the process ends the link, with a sentence."""
        if self._ended:
            raise TargetError(self._ended)
        try:
            yield
        except apart.Died as death:
            self._ended = f"the emulator {death} while it ran the firmware: start it again"
            raise TargetError(self._ended) from None
        except TargetError:
            raise
        except BaseException:
            self._ended = "the emulator was interrupted"
            raise
