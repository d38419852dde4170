"""Keep native libraries from writing to the terminal."""

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Drop TensorFlow's notices: its C++ writes to file descriptor 2 whatever the log level. Python's stderr stays."""
    logger = logging.getLogger("tensorflow")
    level, python_stderr = logger.level, sys.stderr
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    terminal = os.dup(STDERR)
    with tempfile.TemporaryFile() as sink, warnings.catch_warnings():
        try:
            warnings.simplefilter("ignore")
            logger.setLevel(logging.ERROR)
            if python_stderr is sys.__stderr__ and python_stderr is not None:
                python_stderr.flush()
                sys.stderr = open(terminal, "w", buffering=1, closefd=False, encoding=python_stderr.encoding)
            os.dup2(sink.fileno(), STDERR)
            yield
        finally:
            os.dup2(terminal, STDERR)
            sys.stderr = python_stderr
            logger.setLevel(level)
            os.close(terminal)
