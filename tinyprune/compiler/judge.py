"""TFLite Micro's interpreter in a process of its own: whatever a model does to it, this process goes on.

The process is started once and serves one model after the other. Messages in both directions are a line of JSON and the
bytes of arrays behind it.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError

Array: TypeAlias = npt.NDArray[Any]

#: For a model to be loaded, or one inference; and to start.
TIMEOUT_S = 300.0
_SHOWN_CHARACTERS = 400
_COMMAND = "from tinyprune.compiler import judge; judge.serve()"


def run(model: bytes, arena_bytes: int, samples: Sequence[Sequence[Array]], outputs: int) -> list[list[Array]]:
    """The answers to `samples`, each a list of all inputs, one after the other from a fresh start: for each of them its
    `outputs` first outputs. Raises ModelError where TFLite Micro refuses the model, Crashed where it dies or does not
    answer."""
    process = _process()
    try:
        return process.run(model, arena_bytes, samples, outputs)
    except BaseException:
        _forget()  # it is dead, or in the middle of an answer
        raise


class Crashed(ModelError):
    """The interpreter did not survive a model: its answers are not known."""

    def __init__(self, how: str) -> None:
        super().__init__(f"TFLite Micro's interpreter {how} on this model")


class _Process:
    def __init__(self) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        path = [entry for entry in sys.path if entry]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"}
        self.child = subprocess.Popen(
            [sys.executable, "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
            start_new_session=True,  # Ctrl-C is for this process
        )

    def run(
        self, model: bytes, arena_bytes: int, samples: Sequence[Sequence[Array]], outputs: int
    ) -> list[list[Array]]:
        self.log.seek(0)
        self.log.truncate()
        self._send({"arena_bytes": arena_bytes, "outputs": outputs}, [np.frombuffer(model, np.uint8)])
        self._refusal(self._answer()[0])
        found = []
        for sample in samples:
            self._send({}, sample)
            header, arrays = self._answer()
            self._refusal(header)
            found.append(arrays)
        self._send({"done": True}, [])
        return found

    def _refusal(self, header: dict[str, Any]) -> None:
        if "error" in header:
            said = " ".join(self._said().split())
            why = header["error"] + (f" ({said[:_SHOWN_CHARACTERS]})" if said else "")
            raise ModelError(f"TFLite Micro refuses the model: {why}")

    def _said(self) -> str:
        self.log.seek(0)
        text = self.log.read(4 * _SHOWN_CHARACTERS).decode(errors="replace")
        return "".join(c if c.isprintable() else " " for c in text)

    def _send(self, header: dict[str, Any], arrays: Sequence[Array]) -> None:
        stdin = self.child.stdin
        assert stdin is not None
        try:
            _write(stdin, header, arrays)
        except OSError:
            raise self._death() from None

    def _answer(self) -> tuple[dict[str, Any], list[Array]]:
        stdout = self.child.stdout
        assert stdout is not None
        deadline = time.monotonic() + TIMEOUT_S
        if not select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise Crashed(f"did not answer within {TIMEOUT_S:g} s")
        message = _read(stdout)
        if message is None:
            raise self._death()
        return message

    def _death(self) -> Crashed:
        code = self.child.wait(timeout=TIMEOUT_S)
        said = self._said()[-_SHOWN_CHARACTERS:]
        return Crashed(f"crashed (signal {-code})" if code < 0 else f"ended with code {code} ({said})")

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout, self.log):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not sent any more
                    continue


_running: list[_Process] = []


def _process() -> _Process:
    if not _running:
        _running.append(_Process())
    return _running[0]


@atexit.register
def _forget() -> None:
    while _running:
        _running.pop().close()


def _write(stream: IO[bytes], header: dict[str, Any], arrays: Sequence[Array]) -> None:
    shapes = [[array.dtype.str, list(array.shape)] for array in arrays]
    stream.write(json.dumps({**header, "arrays": shapes}).encode() + b"\n")
    for array in arrays:
        stream.write(np.ascontiguousarray(array).tobytes())
    stream.flush()


def _read(stream: IO[bytes]) -> tuple[dict[str, Any], list[Array]] | None:
    """The next message; None at the end."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    header, arrays = json.loads(line), []
    for dtype, shape in header.pop("arrays"):
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        data = stream.read(size)
        if len(data) < size:
            return None
        arrays.append(np.frombuffer(data, dtype).reshape(shape))
    return header, arrays


def serve() -> None:
    """The process: models and samples on standard input, answers on standard output."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the interpreter prints
    from tflite_micro import runtime

    while (message := _read(requests)) is not None:
        header, (model,) = message
        try:
            interpreter: Any = runtime.Interpreter.from_bytes(model.tobytes(), arena_size=header["arena_bytes"])
        except Exception as error:  # Python's half of the interpreter raises whatever it stumbles upon in damaged files
            _write(answers, {"error": f"{type(error).__name__}: {error}"}, [])
            continue
        _write(answers, {}, [])
        _serve_one(interpreter, header["outputs"], requests, answers)


def _serve_one(interpreter: Any, outputs: int, requests: IO[bytes], answers: IO[bytes]) -> None:
    while (message := _read(requests)) is not None:
        header, arrays = message
        if "done" in header:
            return
        try:
            for number, array in enumerate(arrays):
                interpreter.set_input(array, number)
            interpreter.invoke()
            found = [np.array(interpreter.get_output(number)) for number in range(outputs)]
        except (RuntimeError, ValueError) as error:
            _write(answers, {"error": str(error)}, [])
            return
        _write(answers, {}, found)
