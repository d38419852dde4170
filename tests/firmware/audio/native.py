"""The C front end as a library of this PC, called with NumPy arrays."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from tinyprune.firmware import codegen
from tinyprune.firmware.audio import FrontEnd, Rule, tables
from tinyprune.resources import FIRMWARE_TEMPLATES
from tinyprune.sound import features

AUDIO = FIRMWARE_TEMPLATES / "audio"
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-shared", "-fPIC"]
LABELS = ("silence", "unknown", "yes", "no")
#: As the zoo's network has it.
SCALE, ZERO_POINT = 0.6027769, 77
OUTPUT_SCALE, OUTPUT_ZERO_POINT = 1 / 256, -128
STATE_BYTES = 16_384


def front_end(
    arithmetic: tables.Arithmetic,
    rule: Rule | None = None,
    scale: float = SCALE,
    zero_point: int = ZERO_POINT,
    heard_as: features.FrontEnd = features.MFCC10,
) -> FrontEnd:
    rule = rule or Rule()
    threshold = rule.threshold_sum(OUTPUT_SCALE, OUTPUT_ZERO_POINT)
    return FrontEnd(tables.make(heard_as, arithmetic, scale, zero_point), LABELS, rule, threshold)


def write_sources(folder: Path, made: FrontEnd) -> list[Path]:
    """The C files of a front end, beside their headers; of the app's commands none."""
    about = {"version": "0", "name": "test", "sha256": "0" * 64, **codegen.audio_context(made)}
    for path, text in {**codegen.copied("audio", ""), **codegen.rendered("audio", about)}.items():
        if not path.endswith(".j2") and "listener" not in path:
            (folder / path.lstrip("/")).write_text(text)
    return sorted(folder.glob("*.c"))


class Native:
    """One stream and one detector."""

    def __init__(self, folder: Path, made: FrontEnd) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        sources = [str(path) for path in write_sources(folder, made)]
        command = [shutil.which("gcc")] if shutil.which("gcc") else [sys.executable, "-m", "ziglang", "cc"]
        library = folder / "front_end.so"
        done = subprocess.run(
            [*command, *FLAGS, f"-I{folder}", *sources, "-o", library], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self.made = made
        self._c = ctypes.CDLL(str(library))
        self._c.tp_audio_push.restype = ctypes.c_size_t
        self._c.tp_audio_second_ends.restype = ctypes.c_bool
        self._audio = (ctypes.c_uint64 * (STATE_BYTES // 8))()
        self._scratch = (ctypes.c_uint64 * 256)()
        self._detector = (ctypes.c_uint64 * (STATE_BYTES // 8))()

    def reset(self) -> None:
        self._c.tp_audio_reset(self._audio)

    def push(self, samples: np.ndarray) -> int:
        pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        return int(self._c.tp_audio_push(self._audio, pointer, ctypes.c_size_t(len(samples)), self._scratch))

    def second_ends(self) -> bool:
        return bool(self._c.tp_audio_second_ends(self._audio))

    def features(self) -> np.ndarray:
        """`[frames, coefficients]`, int8."""
        result = np.full(self.made.tables.front_end.shape, 99, np.int8)
        self._c.tp_audio_features(self._audio, result.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)))
        return result

    def of_clip(self, pcm: np.ndarray) -> np.ndarray:
        """Of one second, `[samples]`."""
        self.reset()
        rest = np.ascontiguousarray(pcm, np.int16)
        while len(rest):
            rest = rest[self.push(rest) :]
        return self.features()

    def reset_detector(self) -> None:
        self._c.tp_detector_reset(self._detector)

    def detect(self, scores: np.ndarray, hops: int) -> int:
        pointer = scores.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        return int(self._c.tp_detector_update(self._detector, pointer, ctypes.c_uint32(hops)))


def python_features(
    pcm: np.ndarray, scale: float = SCALE, zero_point: int = ZERO_POINT, heard_as: features.FrontEnd = features.MFCC10
) -> np.ndarray:
    """What the network is given without a front end on the board: `[clips, frames, width]`, int8."""
    return np.clip(np.rint(heard_as.of(pcm) / scale) + zero_point, -128, 127).astype(np.int8)
