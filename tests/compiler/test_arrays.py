"""Damaged .npy files: an array or a sentence, whatever is in their headers."""

import io
from pathlib import Path

import numpy as np
import pytest

from tinyprune.compiler import samples
from tinyprune.errors import DataError


def npy(header: str) -> bytes:
    text = header.encode("latin-1", errors="replace")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)


def check(path: Path, content: bytes) -> bool:
    """Whether there is an array in the file."""
    path.write_bytes(content)
    try:
        return isinstance(samples.load_array(path), np.ndarray)
    except DataError:
        return False


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (25600000000,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }\n" % ("9" * 30),
        "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }\n" % ("9" * 5000),
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }\n",
        "{'descr': '|O', 'fortran_order': False, 'shape': (4,), }\n",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2**9,), }\n",
        "(" * 5000,
        "[" * 60000,
        "\0",
        "'" * 3,
    ],
)
def test_odd_headers_are_told(tmp_path: Path, header: str) -> None:
    assert not check(tmp_path / "x.npy", npy(header))


def mutants(folder: Path, first: int, count: int) -> int:
    """How many of damaged files are arrays."""
    found = 0
    for number in range(first, first + count):
        random = np.random.default_rng(number)
        stream = io.BytesIO()
        np.save(stream, random.normal(size=(3, 4)).astype(random.choice(["<f4", "<f8", "i1", "?"])))
        content = bytearray(stream.getvalue())
        for _ in range(int(random.integers(1, 5))):
            place = int(random.integers(90))
            how = int(random.integers(3))
            byte = int(random.choice([*b"0129(),'{}[]:<>|=\\\n #eLO", *random.integers(256, size=4)]))
            content[place : place + (how > 0)] = [byte] if how < 2 else []
        found += check(folder / "x.npy", bytes(content))
    return found


@pytest.mark.filterwarnings("ignore")  # NumPy warns of headers of Python 2, Python of odd literals
def test_damaged_files_are_arrays_or_told(tmp_path: Path, seed: int) -> None:
    assert 0 < mutants(tmp_path, seed, 400) < 400


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore")
def test_many_damaged_files_are_arrays_or_told(tmp_path: Path, seed: int) -> None:
    mutants(tmp_path, seed + 1_000_000, 20_000)
