"""A benchmark over a line that loses, changes and invents bytes, with the real firmware at its end."""

from contextlib import closing

import numpy as np
import pytest

from tests.device.emulators import firmware, wires
from tinyprune.device import boards, serial_port
from tinyprune.device.emulators import EMULATORS, Emulator
from tinyprune.device.firmware import FirmwareImage
from tinyprune.measure.benchmark import Plan, measure

pytestmark = pytest.mark.compiler
INPUTS = np.random.default_rng(8).integers(-128, 128, (30, firmware.INPUT_BYTES)).astype(np.int8)
EXPECTED = np.stack([firmware.expected_output(sample.tobytes()) for sample in INPUTS])


class Noisy:
    """A Link that changes, loses or doubles every `period`-th byte, whichever way it goes."""

    def __init__(self, link: Emulator, period: int) -> None:
        self._link, self._period, self._passed = link, period, 0
        self.faults = 0

    def _spoil(self, data: bytes) -> bytes:
        spoiled = bytearray()
        for byte in data:
            self._passed += 1
            if self._passed % self._period:
                spoiled.append(byte)
                continue
            self.faults += 1
            spoiled += (b"", bytes([byte, byte]), bytes([byte ^ 1 << self.faults % 8]))[self.faults % 3]
        return bytes(spoiled)

    def write(self, data: bytes) -> None:
        self._link.write(self._spoil(data))

    def read(self, timeout_s: float) -> bytes:
        return self._spoil(self._link.read(timeout_s))

    def close(self) -> None:
        self._link.close()


@pytest.mark.parametrize("period", [1009, 1511])
def test_every_output_is_right_in_spite_of_noise(
    host_image: FirmwareImage, monkeypatch: pytest.MonkeyPatch, period: int
) -> None:
    """An input takes some 600 bytes. What is lost is waited for half a second here, as nothing takes longer."""
    monkeypatch.setattr("tinyprune.measure.benchmark._LEAST_TIMEOUT_S", 0.5)
    monkeypatch.setattr("tinyprune.device.protocol.ANSWER_TIMEOUT_S", 0.5)
    plan = Plan(INPUTS, firmware.MODEL_ID, EXPECTED, inference_timeout_s=1)
    noisy = Noisy(EMULATORS["host"](host_image, boards.load("host")), period)
    with closing(noisy), wires.plugged(noisy, "pty") as port:
        outcome = measure(lambda: serial_port.start(port), plan)
    assert outcome.failure is None
    np.testing.assert_array_equal(outcome.outputs, EXPECTED)
    assert noisy.faults >= outcome.repeated >= 2
