"""A plugin of pytest's, `-p tests.windows`: what Windows lacks is taken from this Python before anything of tinyprune's
is imported: locks of files, terminals, groups of processes, select() on pipes, TFLite Micro's wheel. `sys.platform`
stays what it is, for the standard library's sake."""

import importlib.metadata
import os
import select
import socket
import sys
import warnings
from typing import Any

import serial.tools.list_ports  # noqa: F401 (which is Windows' own there)

_select, _versions = select.select, importlib.metadata.version


def _sockets_only(reads: Any, writes: Any, errors: Any, timeout: float | None = None) -> Any:
    assert all(isinstance(one, socket.socket) for one in [*reads, *writes, *errors]), "select() takes sockets there"
    return _select(reads, writes, errors, timeout)


def _version(package: str) -> str:
    if package == "tflite-micro":
        raise importlib.metadata.PackageNotFoundError(package)
    return _versions(package)


def pytest_configure() -> None:
    for name in ("fcntl", "termios", "tty", "pty"):
        sys.modules[name] = None  # type: ignore[assignment]
    for name in ("killpg", "setsid", "openpty", "fork"):
        delattr(os, name)
    del select.poll
    select.select = _sockets_only
    importlib.metadata.version = _version
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it finds no fcntl
        import filelock

    assert filelock.FileLock is filelock.SoftFileLock
