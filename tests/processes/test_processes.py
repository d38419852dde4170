"""Other programs on any system; and what tinyprune does where there is nothing of what Unix has."""

import subprocess
import sys
import time

import psutil
import pytest

from tinyprune import processes

#: Modules of tests that have to pass without locks of files, select() on pipes and groups of processes.
ANYWHERE = ("tests/test_files.py", "tests/processes/test_processes.py", "tests/measure/test_history.py")
ANYWHERE_SLOW = (
    "tests/device/emulators/test_host.py",
    "tests/device/emulators/test_qemu_link.py",
    "tests/device/emulators/test_renode.py",
    "tests/device/flashers/test_tools.py",
    "tests/training/test_download.py",
)


def python(code: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-u", "-c", code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True)


def test_what_comes_is_read_until_the_end() -> None:
    with python("import sys; sys.stdout.write('a' * 100000); sys.stdin.read(1); sys.stdout.write('b')") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        reader, writer = processes.Reader(process.stdout), processes.Writer(process.stdin)
        said = b""
        while len(said) < 100_000:
            said += reader.read(60) or b""
        assert said == b"a" * 100_000
        assert reader.read(0) is None
        assert reader.read(0.01) is None
        assert writer.write(b"x", 60)
        assert reader.read(60) == b"b"
        assert [reader.read(60), reader.read(0)] == [b"", b""]
        writer.close()


def test_a_pipe_that_nobody_empties_is_told() -> None:
    with python("import time; time.sleep(1000)") as process:
        assert process.stdin is not None
        writer = processes.Writer(process.stdin)
        with pytest.raises(TimeoutError):
            writer.write(bytes(1 << 20), 0.2)
        processes.kill(process)


def test_a_reader_that_has_gone_is_told() -> None:
    with python("") as process:
        assert process.stdin is not None
        process.wait()
        writer = processes.Writer(process.stdin)
        assert not writer.write(b"x", 60)


def test_what_a_program_started_ends_with_it() -> None:
    sleeps = "import time; time.sleep(1000)"
    starts = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{sleeps}']).pid); input()"
    with python(starts) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        processes.kill(process)
        deadline = time.monotonic() + 60
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def passes_without_unix(*modules: str) -> None:
    options = ["-q", "-p", "tests.windows", "-p", "no:cacheprovider", "-k", "not without_what_unix_has"]
    command = [sys.executable, "-m", "pytest", *options, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


def test_files_and_processes_without_what_unix_has() -> None:
    passes_without_unix(*ANYWHERE)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.compiler
@pytest.mark.parametrize("module", ANYWHERE_SLOW)
def test_emulators_and_tools_without_what_unix_has(module: str) -> None:
    passes_without_unix(module)
