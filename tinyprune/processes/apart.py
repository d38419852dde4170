"""An object in a process of its own: whatever native code does there, this process goes on.

Messages in both directions are pickles with their length before them; both ends are the same program.
"""

import atexit
import contextlib
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import traceback
from importlib import import_module
from typing import IO, Any

from tinyprune.errors import TinypruneError, printable

_SHOWN_CHARACTERS = 400
_LENGTH_BYTES = 8
_END_S = 10.0  # for a process that has closed its output
_COMMAND = "from tinyprune.processes import apart; apart.serve()"


class Died(Exception):
    """How the process ended, as the rest of a sentence: it crashed, ended, or did not answer and was ended."""


class Remote:
    """What `maker` makes of `arguments` and `options` there, by name of its function, "module:function".

    Whatever ends a call before its answer, Ctrl-C too, ends the process: nobody knows what it was doing.
    """

    def __init__(self, maker: str, *arguments: object, timeout_s: float, **options: object) -> None:
        """Raises as the maker does, and Died."""
        self._maker = maker
        idle = _idle.get(maker)
        self._worker: _Worker | None = idle.pop() if idle else _Worker()
        self.pid = self._worker.child.pid
        self._is_waited_for = False
        try:
            self._send(maker, arguments, options)
            self.result(timeout_s)
        except TinypruneError:
            self.close()
            raise

    def call(self, name: str, *arguments: object, timeout_s: float) -> Any:
        """The object's method, or its attribute where that is none. Raises as the method does, and Died."""
        self.begin(name, *arguments)
        return self.result(timeout_s)

    def begin(self, name: str, *arguments: object) -> None:
        """The same without waiting: `result` must be asked for before the next call."""
        self._send(name, arguments, {})

    def is_busy(self, within_s: float) -> bool:
        """Whether what was begun has no result after so long."""
        worker = self._open()
        return self._is_waited_for and not worker.has_answer(within_s)

    def result(self, timeout_s: float) -> Any:
        """Of what was begun."""
        try:
            kind, value = self._open().answer(timeout_s)
        except BaseException:
            self.close()
            raise
        self._is_waited_for = False
        if kind == "value":
            return value
        raise value if kind == "refusal" else RuntimeError(f"in a process of its own:\n{value}")

    def close(self) -> None:
        """Gives the object up; the process serves the next one, or ends if it is busy. Safe to call twice."""
        worker, self._worker = self._worker, None
        if worker is not None and self._is_waited_for:
            worker.end()
        elif worker is not None:
            _idle.setdefault(self._maker, []).append(worker)

    def _open(self) -> "_Worker":
        if self._worker is None:
            raise Died("is closed")
        return self._worker

    def _send(self, *message: object) -> None:
        worker = self._open()
        self._is_waited_for = True
        try:
            worker.send(message)
        except BaseException:
            self.close()
            raise


class _Worker:
    def __init__(self) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        path = [entry for entry in sys.path if entry]
        self.child = subprocess.Popen(
            [sys.executable, "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"},
            start_new_session=True,  # Ctrl-C is for this process
        )
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._next: list[Any] = []  # an answer that was looked for, and not yet asked for
        threading.Thread(target=self._receive, daemon=True).start()

    def send(self, message: object) -> None:
        assert self.child.stdin is not None
        try:
            _write(self.child.stdin, message)
        except OSError:
            raise Died(self._how()) from None

    def has_answer(self, within_s: float) -> bool:
        with contextlib.suppress(queue.Empty):
            if not self._next:
                self._next.append(self._answers.get(timeout=within_s))
        return bool(self._next)

    def answer(self, timeout_s: float) -> Any:
        if not self.has_answer(timeout_s):
            raise Died(f"did not answer within {timeout_s:g} s")
        found = self._next.pop()
        if found is None:
            raise Died(self._how())
        return found

    def _receive(self) -> None:
        assert self.child.stdout is not None
        with self.child.stdout as answers:
            while (message := _read(answers)) is not None:
                self._answers.put(message)
        self._answers.put(None)

    def _how(self) -> str:
        try:
            code = self.child.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            return "closed its output"
        return f"crashed (signal {-code})" if code < 0 else f"ended with code {code} ({said(self.log.fileno())})"

    def end(self) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.log):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not sent any more
                    continue


#: Maker → processes whose object was given up. What native code has done to them is no other maker's concern.
_idle: dict[str, list[_Worker]] = {}


#: Those of the process that this one was forked from, which goes on with them.
_of_parent: list[list[_Worker]] = []


def _forked() -> None:
    _of_parent.extend(_idle.values())
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@atexit.register
def _end_all() -> None:
    for workers in _idle.values():
        while workers:
            workers.pop().end()


def said(log: int = 2) -> str:
    """The beginning of what was printed in the process since its object was made, on one line."""
    os.lseek(log, 0, os.SEEK_SET)
    text = os.read(log, 4 * _SHOWN_CHARACTERS).decode(errors="replace")
    return printable(" ".join(text.split()), _SHOWN_CHARACTERS)


def _write(stream: IO[bytes], message: object) -> None:
    data = pickle.dumps(message)
    stream.write(len(data).to_bytes(_LENGTH_BYTES, "little") + data)
    stream.flush()


def _read(stream: IO[bytes]) -> Any:
    """The next message; None at the end."""
    try:
        length = stream.read(_LENGTH_BYTES)
        data = stream.read(int.from_bytes(length, "little"))
        return pickle.loads(data) if length else None
    except Exception:  # cut off in the middle, or written by a process that was out of its mind
        return None


def serve() -> None:
    """The process: makes an object whenever it is told to, and calls its methods, until nobody is left to ask."""
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_request, args=(requests,), daemon=True).start()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever native code prints
    made: Any = None
    while True:
        name, arguments, options = requests.get()
        try:
            if ":" in name:
                made = None
                os.ftruncate(2, 0)
                os.lseek(2, 0, os.SEEK_SET)
                module, function = name.split(":")
                made = getattr(import_module(module), function)(*arguments, **options)
                answer: tuple[str, object] = ("value", None)
            else:
                found = getattr(made, name)
                answer = ("value", found(*arguments) if callable(found) else found)
        except TinypruneError as error:
            answer = ("refusal", error)
        except Exception:
            answer = ("fault", traceback.format_exc())
        _write(answers, answer)


def _request(requests: "queue.SimpleQueue[Any]") -> None:
    while (message := _read(sys.stdin.buffer)) is not None:
        requests.put(message)
    os._exit(0)  # also in the middle of a call: nobody waits for it
