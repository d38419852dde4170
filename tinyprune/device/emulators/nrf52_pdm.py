"""The PDM peripheral of nRF52833 and nRF52840 with a microphone that says what it is given: two buffers by EasyDMA.

nRF52840 Product Specification, chapter PDM; register map: nrf52840.svd in bsp/stable/mdk of Nordic's nrfx. The model
refuses what hardware would answer with silence or noise: a microphone without power or clock, another rate than 16 kHz,
other pins than the board's. What it is given is at the gain of Arduino's core, -10 dB; another makes it louder or
fainter. A buffer whose successor is not told in time is filled again, as there.
"""

from collections import deque
from collections.abc import Callable, Collection

from tinyprune.device.boards.schema import Microphone
from tinyprune.device.emulators.cortex_m import FirmwareError, Machine, Register, stored, write_only

_PDM = 0x4001D000
_END = 1 << 2  # of INTENSET
_CLOCK_1280_KHZ, _RATIO_80, _MONO = 0x0A000000, 1, 1
_SAMPLE_BYTES = 2
_GAIN_LEFT, _GAIN_0_DB, _MOST_GAIN, _ARDUINO_GAIN = 0x518, 0x28, 0x50, 20
_LEAST, _MOST = -32_768, 32_767


class Pdm:
    """`is_ready`: whether the crystal runs, from which its clock comes; `high`: the pins that are driven high."""

    def __init__(
        self,
        machine: Machine,
        wired: Microphone,
        pin: Callable[[str], int],
        high: Collection[int],
        is_ready: Callable[[], int],
    ) -> None:
        self.sound: deque[int] = deque()  # int16, that the microphone has not said yet
        self._machine, self._high, self._is_ready = machine, high, is_ready
        self._power = pin(wired.power)
        self._wired = {0x540: pin(wired.clock), 0x544: pin(wired.data)}
        self._filling: int | None = None
        self._events = {0x100: 0, 0x104: 0, 0x108: 0}  # STARTED, STOPPED, END
        self._interrupts = 0
        self._settings = {
            **{offset: stored(0) for offset in (0x500, 0x504, 0x508, 0x520, 0x560, 0x564)},
            **{offset: stored(_GAIN_0_DB) for offset in (_GAIN_LEFT, 0x51C)},
            **{offset: stored(0xFFFFFFFF) for offset in self._wired},
        }
        self.registers: dict[int, Register] = {
            _PDM + 0x000: write_only(self._start),
            _PDM + 0x004: write_only(self._stop),
            **{_PDM + offset: self._event(offset) for offset in self._events},
            _PDM + 0x304: write_only(self._enable_interrupts),
            **{_PDM + offset: register for offset, register in self._settings.items()},
        }

    @property
    def listens(self) -> bool:
        return self._filling is not None

    def _setting(self, offset: int) -> int:
        read = self._settings[offset].read
        assert read is not None
        return read()

    def _event(self, offset: int) -> Register:
        def write(value: int) -> None:
            self._events[offset] = value

        return Register(lambda: self._events[offset], write)

    def _enable_interrupts(self, value: int) -> None:
        self._interrupts |= value

    def _start(self, value: int) -> None:
        if not value & 1:
            return
        wanted = {0x500: 1, 0x504: _CLOCK_1280_KHZ, 0x508: _MONO, 0x520: _RATIO_80, **self._wired}
        for offset, right in wanted.items():
            if self._setting(offset) != right:
                raise FirmwareError(
                    f"PDM.TASKS_START with 0x{self._setting(offset):x} at 0x{_PDM + offset:08x}, not 0x{right:x}"
                )
        if self._setting(_GAIN_LEFT) > _MOST_GAIN:
            raise FirmwareError(f"PDM.GAINL is 0x{self._setting(_GAIN_LEFT):x}; 0x{_MOST_GAIN:x} is the most")
        if self._power not in self._high:
            raise FirmwareError("PDM.TASKS_START while the microphone has no power")
        if not self._is_ready():
            raise FirmwareError("PDM.TASKS_START before the crystal oscillator runs")
        self._begin()

    def _begin(self) -> None:
        """The buffer at SAMPLE.PTR, which is free for the next one from now on."""
        self._filling = self._setting(0x560)
        self._events[0x100] = 1

    def _stop(self, value: int) -> None:
        if value & 1:
            self._filling = None
            self.sound.clear()
            self._events[0x104] = 1

    def fill(self) -> bool:
        """A buffer's worth of time passes: whether there is sound for that, and somebody listens."""
        count = self._setting(0x564)
        if self._filling is None or len(self.sound) < count:
            return False
        if not self._interrupts & _END:
            raise FirmwareError("PDM.EVENTS_END is awaited, and its interrupt would not wake the core")
        loudness = 10 ** ((self._setting(_GAIN_LEFT) - _ARDUINO_GAIN) / 40)
        heard = [max(_LEAST, min(_MOST, round(self.sound.popleft() * loudness))) for _ in range(count)]
        samples = [sample.to_bytes(_SAMPLE_BYTES, "little", signed=True) for sample in heard]
        self._machine.write_ram(self._filling, b"".join(samples))
        self._begin()
        self._events[0x108] = 1
        return True
