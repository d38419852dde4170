"""What all tests share: which compilers there are, and no skip that nobody has seen."""

import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes is the machine's business: performance lives in benchmarks.
settings.register_profile("tinyprune", deadline=None)
settings.load_profile("tinyprune")

COMPILERS = ("zig", "gcc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=0, help="of tests that draw at random; failures print their own")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where a test's random numbers begin: `--seed`."""
    return int(request.config.getoption("--seed"))


# There is a process of pytest for each core; threads of TensorFlow for each core as well would wait for one another.
for _pool in ("INTRAOP", "INTEROP"):
    os.environ.setdefault(f"TF_NUM_{_pool}_THREADS", "1")


@pytest.fixture(params=COMPILERS)
def compiler(request: pytest.FixtureRequest) -> str:
    """Each compiler for Arm in turn, by its name in `tinyprune.firmware.toolchain`."""
    if request.param == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    return str(request.param)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Each process begins with its part of the files in order: few of them build the same firmware, or need TensorFlow,
    as others do. Who is done takes from others."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """With TINYPRUNE_ALLOWED_SKIPS set (reasons, separated by semicolons), any other skip fails the run."""
    yield
    allowed = os.environ.get("TINYPRUNE_ALLOWED_SKIPS")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if allowed is None or reporter is None:
        return
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in reporter.stats.get("skipped", [])}
    surprising = sorted(reason for reason in reasons if not any(word and word in reason for word in allowed.split(";")))
    if surprising:
        reporter.write_line(f"skipped, but must not be here: {'; '.join(surprising)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
