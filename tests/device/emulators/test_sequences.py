"""Networks that remember, over long sequences with a reset in between, in every emulator."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.device.emulators import firmware
from tests.graphs import NETWORKS, STATEFUL
from tinyprune.compiler import oracle, reader, samples
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.protocol import Device
from tinyprune.firmware import output
from tinyprune.tasks.build import BuildRequest, run_build

pytestmark = [pytest.mark.compiler, pytest.mark.emulator, pytest.mark.tflm]
STEPS, RESET_AT = 220, 90
#: Board and emulator; the network.
WHERE = [
    *(("nano33", "sim", name) for name in STATEFUL),
    ("host", "host", "streaming"), ("mps2-an386", "qemu", "streaming"), ("nano33", "renode", "streaming"),
]  # fmt: skip


@pytest.mark.parametrize(("board_name", "emulator", "name"), WHERE)
def test_a_reset_forgets_everything(
    board_name: str, emulator: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What comes behind the reset knows nothing of what came before."""
    if emulator == "renode":
        request.getfixturevalue("fake_renode")
    if firmware.missing(emulator):
        pytest.skip(str(firmware.missing(emulator)))
    board = boards.load(board_name)
    (tmp_path / "net.tflite").write_bytes(NETWORKS[name]().file)
    run_build(BuildRequest(board, tmp_path / "out", tmp_path / "net.tflite", run=False), lambda _stage: None)
    image, model = output.load(tmp_path / "out", board)
    inputs = samples.make(reader.read(model), STEPS, seed=5)
    wanted = np.concatenate([oracle.infer(model, half) for half in (inputs[:RESET_AT], inputs[RESET_AT:])])
    assert not (wanted == oracle.infer(model, inputs)).all()
    found = []
    with closing(EMULATORS[emulator](image, board)) as link:
        device = Device(link)
        device.connect()
        for number, sample in enumerate(inputs):
            if number == RESET_AT:
                device.reset()
            device.load(sample.tobytes())
            device.infer()
            found.append(device.output())
    np.testing.assert_array_equal(found, wanted)
