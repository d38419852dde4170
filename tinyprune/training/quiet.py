"""TensorFlow without its noise on the terminal, and with a clear word where it is missing."""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TextIO

from tinyprune.errors import MissingDependency

STDERR = 2


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Drop TensorFlow's notices: its C++ writes to file descriptor 2 whatever the log level. Python's stderr stays."""
    logger = logging.getLogger("tensorflow")
    level, python_stderr, terminal = logger.level, sys.stderr, os.dup(STDERR)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryFile() as sink, warnings.catch_warnings():
        try:
            warnings.simplefilter("ignore")
            logger.setLevel(logging.ERROR)
            if python_stderr is sys.__stderr__:
                sys.stderr = _terminal()
            os.dup2(sink.fileno(), STDERR)
            yield
        except ModuleNotFoundError as error:
            raise MissingDependency(f"{error.name} is not installed: `pip install 'tinyprune[kws]'`") from error
        finally:
            os.dup2(terminal, STDERR)
            os.close(terminal)
            sys.stderr = python_stderr
            logger.setLevel(level)


@cache
def _terminal() -> TextIO:
    """A second way to the terminal, for progress shown meanwhile; never closed, since log handlers may keep it."""
    return os.fdopen(os.dup(STDERR), "w", buffering=1)
