"""An nRF52840 behind a debug probe, as far as pyOCD looks: AHB-AP and CTRL-AP, a ROM table, debug registers, flash.

pyOCD's real code drives it, and its flash algorithm really runs, on unicorn's Cortex-M4. Addresses and values: Arm
IHI 0031 (ADIv5), Armv7-M Architecture Reference Manual (C1.6), nRF52840 Product Specification (NVMC, FICR, CTRL-AP).
"""

import struct
from collections.abc import Sequence
from typing import Any

import unicorn
from pyocd.core import exceptions
from pyocd.probe.debug_probe import DebugProbe
from unicorn import arm_const

FLASH_BYTES, PAGE_BYTES = 0x10_0000, 4096
_AHB_AP, _CTRL_AP = 0, 1
_DHCSR, _DCRSR, _DCRDR, _AIRCR, _CPUID = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_ED0C, 0xE000_ED00
_ROM, _SCS, _NVMC_READY, _NVMC_ERASEPAGE = 0xE00F_F000, 0xE000_E000, 0x4001_E400, 0x4001_E508
_ID_CORTEX_M4_SCS = {0xFE0: 0x0C, 0xFE4: 0xB0, 0xFE8: 0x0B, 0xFD0: 0x04}
_CIDR_ROM, _CIDR_IP = (0x0D, 0x10, 0x05, 0xB1), (0x0D, 0xE0, 0x05, 0xB1)
_REGISTERS = [*range(arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R0 + 13), arm_const.UC_ARM_REG_SP]
_REGISTERS += [arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_PC, arm_const.UC_ARM_REG_XPSR]


class Probe(DebugProbe):
    """`flash()` is what is in the chip; `broken_byte` keeps nothing; `locked` refuses the debugger."""

    def __init__(self, unique_id: str = "SIM1", broken_byte: int | None = None, locked: bool = False) -> None:
        super().__init__()
        self._unique_id, self._broken_byte, self._locked = unique_id, broken_byte, locked
        self._open = False
        self._select = self._tar = self._csw = self._control = 0
        self._halted, self._was_reset, self._data = False, False, 0
        self.resets = 0
        self.erased: list[int] = []
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        for start, size in ((0, FLASH_BYTES), (0x1000_0000, 0x2000), (0x2000_0000, 0x4_0000), (0x4000_0000, 0x2_0000)):
            self._uc.mem_map(start, size)
        self._other = self._system_space()
        self._uc.mem_write(0, b"\xb0" * FLASH_BYTES)  # a bootloader and an old program
        self._uc.mem_write(_NVMC_READY, struct.pack("<I", 1))
        self._uc.mem_write(0x1000_0100, struct.pack("<III", 0x52840, 0x4141_4430, 0x2004))  # FICR: nRF52840 QIAA-D0

    @staticmethod
    def _system_space() -> dict[int, int]:
        words = {_ROM: (_SCS - _ROM & 0xFFFF_FFFF) | 3, _CPUID: 0x410F_C241}
        for base, cidr in ((_ROM, _CIDR_ROM), (_SCS, _CIDR_IP)):
            words |= {base + 0xFF0 + 4 * i: value for i, value in enumerate(cidr)}
        return words | {_SCS + offset: value for offset, value in _ID_CORTEX_M4_SCS.items()}

    def flash(self, address: int, size: int) -> bytes:
        return bytes(self._uc.mem_read(address, size))

    # What pyOCD asks a probe for.

    description = "Simulated probe"
    vendor_name = product_name = "Simulated"
    supported_wire_protocols = (DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD)
    wire_protocol = DebugProbe.Protocol.SWD
    capabilities: set[DebugProbe.Capability] = set()  # noqa: RUF012 (as the base class has it)

    @property
    def unique_id(self) -> str:
        return self._unique_id

    @property
    def is_open(self) -> bool:
        return self._open

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        self._open = False

    def connect(self, protocol: Any = None) -> None: ...

    def disconnect(self) -> None: ...

    def swj_sequence(self, length: int, bits: int) -> None: ...

    def set_clock(self, frequency: float) -> None: ...

    def reset(self) -> None:
        self._reset()

    def assert_reset(self, asserted: bool) -> None:
        if not asserted:
            self._reset()

    def is_reset_asserted(self) -> bool:
        return False

    def flush(self) -> None: ...

    def read_dp(self, addr: int, now: bool = True) -> Any:
        value = {0x0: 0x2BA0_1477, 0x4: self._control | (self._control & 0x5000_0000) << 1}.get(addr, 0)
        return value if now else lambda: value

    def write_dp(self, addr: int, data: int) -> None:
        if addr == 0x4:
            self._control = data
        elif addr == 0x8:
            self._select = data

    def read_ap(self, addr: int, now: bool = True) -> Any:
        value = self._read_ap(addr)
        return value if now else lambda: value

    def read_ap_multiple(self, addr: int, count: int = 1, now: bool = True) -> Any:
        values = [self._read_ap(addr) for _ in range(count)]
        return values if now else lambda: values

    def write_ap(self, addr: int, data: int) -> None:
        register = addr & 0xFC
        if addr >> 24 == _CTRL_AP:
            raise AssertionError("nobody asked for the chip to be erased")
        if register == 0x00:
            self._csw = data
        elif register == 0x04:
            self._tar = data
        elif register == 0x0C:
            self._transfer(data)

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        for value in values:
            self.write_ap(addr, value)

    def _read_ap(self, addr: int) -> int:
        port, register = addr >> 24, addr & 0xFC
        if port == _CTRL_AP:
            return {0xFC: 0x1288_0000, 0x0C: 0 if self._locked else 1}.get(register, 0)
        if port != _AHB_AP:
            return 0
        if register == 0x0C:
            return self._transfer(None)
        return {0xFC: 0x2477_0011, 0xF8: _ROM | 3, 0x00: self._csw | 0x40, 0x04: self._tar}.get(register, 0)

    def _transfer(self, data: int | None) -> int:
        """One access through DRW, in byte lanes, with the address stepping on as CSW says."""
        if self._locked:
            raise exceptions.TransferFaultError(fault_address=self._tar)
        size, address = 1 << (self._csw & 7), self._tar
        lane = 8 * (address & 3)
        if self._csw & 0x30:
            self._tar = self._tar & ~0xFFF | (self._tar + size) & 0xFFF  # as the AHB-AP of Cortex-M4
        if data is None:
            return int.from_bytes(self._read(address, size), "little") << lane & 0xFFFF_FFFF
        self._write(address, (data >> lane).to_bytes(8, "little")[:size])
        return 0

    # The chip.

    def _read(self, address: int, size: int) -> bytes:
        if address < 0xE000_0000:
            return bytes(self._uc.mem_read(address, size))
        base = address & ~3
        live = {_DHCSR: self._status, _DCRDR: lambda: self._data}
        word = live[base]() if base in live else self._other.get(base, 0)
        return struct.pack("<I", word)[address & 3 :][:size]

    def _status(self) -> int:
        reset, self._was_reset = self._was_reset, False
        return reset << 25 | self._halted << 17 | 1 << 16 | self._halted << 1 | 1

    def _write(self, address: int, data: bytes) -> None:
        if address < 0xE000_0000:
            assert address >= FLASH_BYTES, "flash is not written through the probe"
            self._uc.mem_write(address, data)
            return
        value = int.from_bytes(data, "little")
        if address == _DHCSR:
            self._control_core(value)
        elif address == _DCRSR:
            self._register(value)
        elif address == _AIRCR and value & 5:
            self._reset()
        elif address == _DCRDR:
            self._data = value
        else:
            self._other[address] = value

    def _control_core(self, value: int) -> None:
        assert value >> 16 == 0xA05F
        running = not value & 2
        if running and self._halted and self._uc.reg_read(arm_const.UC_ARM_REG_PC) >= 0x2000_0000:
            self._run()  # a flash algorithm; it comes back to its breakpoint
        else:
            self._halted = not running

    def _run(self) -> None:
        end = self._uc.reg_read(arm_const.UC_ARM_REG_LR) & ~1
        self._uc.emu_start(self._uc.reg_read(arm_const.UC_ARM_REG_PC) | 1, end, timeout=10_000_000)
        assert self._uc.reg_read(arm_const.UC_ARM_REG_PC) & ~1 == end
        (page,) = struct.unpack("<I", self._uc.mem_read(_NVMC_ERASEPAGE, 4))
        if page:
            assert page % PAGE_BYTES == 0
            self._uc.mem_write(page, b"\xff" * PAGE_BYTES)
            self._uc.mem_write(_NVMC_ERASEPAGE, b"\0" * 4)
            self.erased.append(page)
        if self._broken_byte is not None:
            self._uc.mem_write(self._broken_byte, b"\0")

    def _register(self, value: int) -> None:
        number, write = value & 0x7F, value >> 16 & 1
        if number >= len(_REGISTERS):
            self._data = self._data if write else 0
        elif write:
            self._uc.reg_write(_REGISTERS[number], self._data | (number == 15))
        else:
            self._data = self._uc.reg_read(_REGISTERS[number])

    def _reset(self) -> None:
        self.resets += 1
        self._was_reset, self._halted = True, bool(self._other.get(0xE000_EDFC, 0) & 1)  # DEMCR.VC_CORERESET
