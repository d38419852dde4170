"""What Renode is given: a script that makes the machine, a platform that completes Renode's, a Robot Framework suite.

They lie in a folder `renode` beside firmware.elf. Whoever has Renode runs them by hand or in CI; `renode.py` starts the
same script.
"""

import jinja2
import numpy as np
import numpy.typing as npt

from tinyprune.device.boards import Board
from tinyprune.device.protocol import LOAD_BYTES_A_LINE
from tinyprune.resources import FIRMWARE_TEMPLATES

FOLDER = "renode"
#: Family → what Renode 1.16.1 must answer for registers that it has no model of: range, name, value. Its own platforms
#: of these chips say the same, and fetch an SVD file, for which Robot Framework's keywords fail without a network.
_TAGS = {
    "nrf52": ('<0x10000000, 0x10000FFF> "FICR"',),
    "stm32f4": ('<0x50000010, 0x5000003f> "USB:RESET" 0x80000000',),
}


def machine(board: Board) -> dict[str, str]:
    """`BOARD.resc` and `BOARD.repl`, for a board that has a table [renode]."""
    tags = _TAGS.get(board.family, ())
    return {f"{board.name}.{kind}": _render(f"machine.{kind}.j2", board=board, tags=tags) for kind in ("resc", "repl")}


def suite(
    board: Board, model_id: str, sample: npt.NDArray[np.int8], expected: npt.NDArray[np.int8], judge: str
) -> dict[str, str]:
    """`BOARD.robot`: loads `sample`, of any shape, and wants the bytes `expected`, which `judge` found."""
    data = sample.tobytes()
    lines = [data[i : i + LOAD_BYTES_A_LINE].hex() for i in range(0, len(data), LOAD_BYTES_A_LINE)]
    text = _render(
        "machine.robot.j2",
        board=board,
        model_id=model_id,
        judge=judge,
        input_bytes=len(data),
        lines=lines,
        output=expected.tobytes().hex(),
    )
    return {f"{board.name}.robot": text}


def _render(template: str, **about: object) -> str:
    loader = jinja2.FileSystemLoader(FIRMWARE_TEMPLATES / "renode")
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.get_template(template).render(**about)
