"""Ctrl-C on a command in the middle of its work, however busy the machine is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

#: The command line, which says so when three of the things that it counts are done. A background job of a shell starts
#: with SIGINT ignored; so do its children, unless they ask for it.
_CODE = """
import signal, sys
from tinyprune import cli
from tinyprune.cli import console

class CountBar(console.CountBar):
    def _advance(self, done, total):
        if done == 3:
            print("three are done", file=sys.stderr, flush=True)

console.CountBar = CountBar
signal.signal(signal.SIGINT, signal.default_int_handler)
cli.main()
"""


def after_three(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """(exit code, standard output, what came on standard error after Ctrl-C)"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", _CODE, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "three are done" not in (line := process.stderr.readline()):
            assert line, process.stdout.read()
        process.send_signal(signal.SIGINT)
        said, error = process.communicate()
    return process.returncode, said, error
