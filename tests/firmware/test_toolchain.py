"""The flags of each core, as the compilers understand them."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tinyprune.device import boards
from tinyprune.firmware import toolchain

BARE_CORES = sorted(set(boards.CORES) - {"host"})


@pytest.mark.compiler
@pytest.mark.parametrize("core", BARE_CORES)
def test_a_compiler_knows_what_the_core_has(tmp_path: Path, compiler: str, core: str) -> None:
    """One that is not told of the DSP extension takes the C beside the instructions: right, and five times slower."""
    nano33 = boards.load("nano33")
    fpu = core in ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
    found = toolchain.find(replace(nano33, cpu=replace(nano33.cpu, core=core, fpu=fpu)), compiler)
    source = tmp_path / "empty.c"
    source.touch()
    command = [*found.command, *found.compile_flags, "-E", "-dM", str(source)]
    macros = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert ("__ARM_FEATURE_DSP" in macros) == ("dsp" in boards.CORES[core])
    assert ("#define __ARM_FP " in macros) == fpu
