"""What reads somebody else's bytes, each as a function of bytes: it answers, or raises a TinypruneError."""

import io
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from tests.graphs import NETWORKS
from tinyprune.compiler import reader, samples
from tinyprune.device import boards
from tinyprune.device.protocol import Device
from tinyprune.errors import TinypruneError
from tinyprune.firmware import edits


class _Said:
    """A Link at whose other end somebody says these bytes, whatever is asked, and then nothing."""

    def __init__(self, data: bytes) -> None:
        self._pieces = [data[at : at + 64] for at in range(0, len(data), 64)][::-1]

    def write(self, data: bytes) -> None:
        pass

    def read(self, timeout_s: float) -> bytes:  # noqa: ARG002
        return self._pieces.pop() if self._pieces else b""

    def close(self) -> None:
        pass


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="tinyprune-targets-"))


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def _model(data: bytes) -> None:
    reader.read(data)


def _board(data: bytes) -> None:
    boards.explain(boards.load(str(_file("board.toml", data))))


def _array(data: bytes) -> None:
    samples.load_array(_file("array.npy", data))


def _manifest(data: bytes) -> None:
    edits.read_manifest(_file(edits.MANIFEST, data).parent)


def _device(data: bytes) -> None:
    device = Device(_Said(data), timeout_s=1.0)
    asks = (device.connect, device.name, device.profile, device.model_id, device.board, device.timestamp_us)
    for ask in (*asks, device.infer, device.results, device.output, device.stored_input):
        with suppress(TinypruneError):
            ask()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "model": _model, "board": _board, "array": _array, "manifest": _manifest, "device": _device,
}  # fmt: skip


def seeds(name: str) -> list[bytes]:
    """What is right, to begin with."""
    if name == "model":
        return [make().file for make in NETWORKS.values()]
    if name == "board":
        return [boards.path_of(board).read_bytes() for board in boards.names()]
    if name == "manifest":
        return [b'{"files": {"a": "0", "b/c": "1"}, "yours": ["a"]}']
    if name == "device":
        return [
            b"m-timestamp-mode-performance\r\nm-lap-us-1\r\nm-init-done\r\nm-ready\r\nm-name-dut-[x]\r\nm-ready\r\n"
            b"m-profile-[a]\r\nm-model-[b]\r\nm-ready\r\nm-model-id-[c]\r\nm-board-[d]\r\nm-ready\r\nm-lap-us-7\r\n"
            b"m-ready\r\nm-lap-us-7\r\nm-lap-us-9\r\nm-ready\r\nm-results-[0.1,-2]\r\nm-ready\r\nm-output-[00ff]\r\n"
        ]
    arrays = []
    for dtype in ("<f4", ">f8", "i1", "?", "<U3"):
        stream = io.BytesIO()
        np.save(stream, np.zeros((2, 3), dtype))
        arrays.append(stream.getvalue())
    return arrays
