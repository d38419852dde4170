"""What a Cortex-M7 has besides: L1 caches, and a lock on the DWT.

Armv7-M Architecture Reference Manual (DDI 0403E), B2.2.7, B3.2.8, B4.8 and C1.8; Cortex-M7 Technical Reference Manual
(DDI 0489F). Caches hold random tags after power-up: enabling one that was not invalidated is an error. They are not
modelled otherwise.
"""

from tinyprune.device.emulators.cortex_m import CycleCounter, FirmwareError, Machine, Register, stored, write_only

_SETS, _WAYS = 128, 4  # data cache of 16 KB in lines of 32 bytes, as STM32F7 and H7 have it
_CCSIDR = (_SETS - 1) << 13 | (_WAYS - 1) << 3 | 1
_INSTRUCTION, _DATA = 1 << 17, 1 << 16  # CCR.IC, CCR.DC


class Caches:
    def __init__(self) -> None:
        self._ccr = 0
        self._invalid_instructions = False
        self._invalid_lines: set[int] = set()

    def registers(self) -> dict[int, Register]:
        return {
            0xE000ED14: Register(lambda: self._ccr, self._write_ccr),
            0xE000ED80: Register(lambda: _CCSIDR, None),
            0xE000ED84: stored(),  # CSSELR
            0xE000EF50: write_only(self._invalidate_instructions),  # ICIALLU
            0xE000EF60: write_only(self._invalidate_line),  # DCISW
        }

    def _invalidate_instructions(self, _value: int) -> None:
        self._invalid_instructions = True

    def _invalidate_line(self, set_and_way: int) -> None:
        if self._ccr & _DATA:
            raise FirmwareError("the data cache is invalidated while it is on: what it holds would be lost")
        self._invalid_lines.add(set_and_way & (0xC0000000 | (_SETS - 1) << 5))

    def _write_ccr(self, value: int) -> None:
        if value & _INSTRUCTION and not self._invalid_instructions:
            raise FirmwareError("the instruction cache is enabled without having been invalidated")
        if value & _DATA and len(self._invalid_lines) != _SETS * _WAYS:
            known = len(self._invalid_lines)
            raise FirmwareError(f"the data cache is enabled with {known} of {_SETS * _WAYS} lines invalidated")
        self._ccr = value


def cortex_m7_registers(machine: Machine) -> dict[int, Register]:
    """Address → register, over those of `core_registers`."""
    counter = CycleCounter(machine.cycles).registers()
    unlocked = [False]

    def locked(register: Register) -> Register:
        def write(value: int) -> None:
            if not unlocked[0]:
                raise FirmwareError("the DWT is written while DWT_LAR locks it, which the core ignores")
            assert register.write is not None
            register.write(value)

        return Register(register.read, write)

    def unlock(value: int) -> None:
        unlocked[0] = value == 0xC5ACCE55

    dwt = {address: locked(counter[address]) for address in (0xE0001000, 0xE0001004)}
    return {**counter, **dwt, 0xE0001FB0: write_only(unlock), **Caches().registers()}
