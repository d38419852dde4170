"""Board files: the shipped ones load, and a wrong one is refused with file, key and the nearest right word."""

import contextlib
import itertools
import json
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

from tinyprune.device import boards, flash_methods
from tinyprune.device.boards import Board
from tinyprune.device.boards.parse import _TABLES, _problem
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.flash_methods import FLASH_METHODS
from tinyprune.errors import UsageError

GOOD = """
name = "x"
title = "X"
family = "nrf52"
emulators = ["sim"]
[cpu]
core = "cortex-m4"
fpu = true
clock_hz = 64_000_000
[flash]
origin = 0
bytes = 1024
[ram]
origin = 0x2000_0000
bytes = 1024
stack_bytes = 128
[serial]
uart = "UARTE0"
tx = "P1.03"
rx = "P1.10"
via = "an adapter"
"""

READS = "miss_cycles = 3\nline_bytes = 16\ncache_bytes = 64\n"


def test_a_board_file_may_name_every_emulator_that_there_is() -> None:
    assert set(boards.EMULATOR_NAMES) == set(EMULATORS)


@pytest.mark.parametrize("name", boards.names())
def test_shipped_boards_load(name: str) -> None:
    board = boards.load(name)
    assert board.name == name
    assert boards.explain(board)[0].startswith(name)


def test_the_nano33_is_what_its_makers_say() -> None:
    board = boards.load("nano33")
    assert board.flash is not None
    assert board.ram is not None
    assert (board.flash.origin, board.flash.bytes, board.ram.bytes) == (0x10000, 983_040, 262_144)
    assert board.isas[0] == "dsp"


def test_a_board_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert boards.load(str(path)).cpu.clock_hz == 64_000_000


def test_a_number_of_the_memory_may_be_a_range(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + f"[reads.data]\n{READS.replace('16', '[32, 16]')}prefetch = true\n")
    board = boards.load(str(path))
    assert board.reads == {"data": boards.Reads((3, 3), (32, 16), (64, 64), ways=0, prefetch=True)}
    assert any("64 bytes in lines of 32 or 16" in line for line in boards.explain(board))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('core = "cortex-m4"', 'core = "cortex-m44"', r'unknown core "cortex-m44" \(did you mean "cortex-m4"\?\)'),
        ("clock_hz =", "clok_hz =", r'unknown key "cpu.clok_hz" \(did you mean "clock_hz"\?\)'),
        ('title = "X"', "", 'key "title" is missing'),
        ("fpu = true", 'fpu = "yes"', 'key "cpu.fpu" must be true or false'),
        ("bytes = 1024\nstack", "bytes = 1.5\nstack", 'key "ram.bytes" must be a whole number'),
        ('emulators = ["sim"]', "emulators = [1]", 'key "emulators" must be a list of strings'),
        ("origin = 0x2000_0000", "origin = 512", r"\[flash\] and \[ram\] overlap"),
        ("stack_bytes = 128", "stack_bytes = 4096", "leaves no RAM for the arena"),
        ("bytes = 1024\n[ram]", "bytes = 0\n[ram]", r"\[flash\] needs a positive size"),
        ("[cpu]", "[cpu", "not valid TOML"),
        ("[cpu]", "[cpu2]", 'unknown key "cpu2"'),
        ('name = "x"', 'name = "../x"', "key \"name\" = '../x' must be letters"),
        ('family = "nrf52"', 'family = "nrf521"', r'unknown family "nrf521" \(did you mean "nrf52"\?\)'),
        ('core = "cortex-m4"', 'core = "host"', 'core "host" does not go with family "nrf52"'),
        ('emulators = ["sim"]', "emulators = []", "emulators must name at least one"),
        ('["sim"]', '["sim", "qemo"]', r'unknown emulator "qemo" \(did you mean "qemu"\?\)'),
        ('["sim"]', '["xyz"]', 'unknown emulator "xyz"; known: host, sim, qemu, renode'),
        ("clock_hz = 64_000_000", "clock_hz = 0", 'key "cpu.clock_hz" is missing or 0'),
        ("clock_hz = 64_000_000", "", 'key "cpu.clock_hz" is missing or 0'),
        ("clock_hz = 64_000_000", "clock_hz = 64", "cpu.clock_hz = 64 must be in hertz and 1 MHz or more"),
        (
            "clock_hz = 64_000_000",
            "clock_hz = 4_294_967_296",
            "cpu.clock_hz = 4294967296 must be .* 4294967295 or less",
        ),
        (
            "clock_hz = 64_000_000",
            "clock_hz = 64_000_000\nflash_wait_states = 3",
            'unknown key "cpu.flash_wait_states"',
        ),
        ("[cpu]", f"[reads.date]\n{READS}[cpu]", r'unknown kind of reads "date" \(did you mean "data"\?\)'),
        ("[cpu]", f"[reads.data]\n{READS}[reads.flash]\n{READS}[cpu]", r"\[reads.flash\] stands for code and data"),
        ("[cpu]", "[reads.data]\nmiss_cycles = 3\n[cpu]", 'key "reads.data.line_bytes" is missing'),
        ("[cpu]", f"[reads.data]\n{READS}way = 2\n[cpu]", r'unknown key "reads.data.way" \(did you mean "ways"\?\)'),
        ("[cpu]", f"[reads.data]\n{READS}ways = 3\n[cpu]", "reads.data.cache_bytes must be a multiple"),
        ("[cpu]", f"[reads.data]\n{READS.replace('3', '-1')}[cpu]", "reads.data.miss_cycles must be from 0"),
        ("[cpu]", f"[reads.data]\n{READS.replace('16', '12')}[cpu]", "reads.data.line_bytes must be a power of"),
        ("[cpu]", f"[reads.data]\n{READS.replace('3', '[1, 2, 3]')}[cpu]", 'miss_cycles" must be a whole number, or a'),
        ("[cpu]", f"[reads.data]\n{READS.replace('3', '3.5')}[cpu]", 'miss_cycles" must be a whole number, or a range'),
        ('emulators = ["sim"]', 'emulators = ["sim"]\nreads = 1', r"reads must be tables \[reads.KIND\]"),
        ("[flash]\norigin = 0", "[flash]\norigin = 0x10001", r"flash.origin = 0x10001 must be a multiple of 256"),
        (
            "bytes = 1024\n[ram]",
            "bytes = 0x1_0000_0100\n[ram]",
            r"\[flash\] ends at 0x100000100, beyond the 4 GB of 32-bit",
        ),
        ("origin = 0x2000_0000", "origin = 0xffff_fd00", r"\[ram\] ends at 0x100000100, beyond the 4 GB of 32-bit"),
        ("stack_bytes = 128", "stack_bytes = -5", "ram.stack_bytes must be above 0"),
        ("[cpu]", '[usb]\nsketch = "2341-805a"\n[cpu]', 'usb.sketch "2341-805a" must be vendor:product'),
        ("[cpu]", '[usb]\nprobe = "0d28:0204"\n[cpu]', 'key "usb.probe" must be a list of strings'),
        ('uart = "UARTE0"\n', "", 'key "serial.uart" is missing'),
        ("[cpu]", "[flashing.bosac]\n[cpu]", r'unknown flash method "bosac" \(did you mean "bossac"\?\)'),
        ("[cpu]", "[flashing.jlink]\ndevise = 1\n[cpu]", r'key "flashing.jlink.devise" \(did you mean "device"'),
        ("[cpu]", "[flashing.openocd]\n[cpu]", 'key "flashing.openocd.config" is missing'),
        ('emulators = ["sim"]', 'emulators = ["sim"]\nflashing = 1', r"must be tables \[flashing.METHOD\]"),
        ('tx = "P1.03"', 'tx = "P1.16"', r'serial.tx "P1.16" is no pin of this family; write it like P1.03'),
        ('rx = "P1.10"', 'rx = "P1.03"', "serial.tx and serial.rx are the same pin, P1.03"),
        ('["sim"]', '["sim", "renode"]', r"emulators has renode, so table \[renode\] must name its platform"),
        (
            "[cpu]",
            '[renode]\nplatform = "a-board"\nuart = "uart0"\n[cpu]',
            r'renode.platform "a-board" must be a \.repl',
        ),
        ("[cpu]", '[renode]\nplatform = "x.repl"\nuart = "a-b"\n[cpu]', 'renode.uart "a-b" must be a name in the'),
        ("[cpu]", '[renode]\nplatfrom = "x.repl"\n[cpu]', r'key "renode.platfrom" \(did you mean "platform"\?\)'),
        ("[cpu]", '[qemu]\nmachin = "x"\n[cpu]', r'unknown key "qemu.machin" \(did you mean "machine"\?\)'),
        ("[cpu]", '[qemu]\nmachine = "x"\ncounter_hz = -1\n[cpu]', "qemu.counter_hz must not be below 0"),
        ('["sim"]', '["sim", "qemu"]', r"emulators has qemu, so table \[qemu\] must name its machine"),
        ("[flash]\norigin = 0\nbytes = 1024", "", r"table \[flash\] is missing"),
        (GOOD[GOOD.index("[serial]") :], "", r"table \[serial\] is missing: the family nrf52 leaves the choice"),
        ('family = "nrf52"', 'family = "stm32l4"', r"table \[clock\] is missing: the family stm32l4 leaves the choice"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UsageError, match=message) as caught:
        boards.load(str(path))
    assert str(path) in str(caught.value)


HOSTILE = [
    "X */ int evil = 1; /*",
    'X\n#include "/etc/passwd"',
    "X\npython print(1)",
    "-c shutdown",
    "swd; shutdown",
    "[exec reboot]",
    "$(reboot)",
    "`reboot`",
    "${{ secrets }}",
    "\x1b[2J",
    "a  b",
    "x" * 400,
]


def every_text() -> list[tuple[str, object]]:
    """All that is text in a board file, by the schema: keys and their types."""
    tables = [Board, *_TABLES.values(), *FLASH_METHODS.values()]
    hints = [(key, hint) for table in tables for key, hint in get_type_hints(table).items()]
    return [(key, hint) for key, hint in hints if hint in (str, tuple[str, ...])]


def test_no_text_can_reach_into_another_language(tmp_path: Path) -> None:
    assert len(every_text()) > 30
    for (key, hint), text in itertools.product(every_text(), HOSTILE):
        assert _problem(key, text if hint is str else ("good", text), hint), (key, text)
    path = tmp_path / "mine.toml"
    for text in HOSTILE:
        path.write_text(GOOD.replace('title = "X"', f"title = {json.dumps(text)}"), encoding="utf-8")
        with pytest.raises(UsageError, match=r'key "title" = .* must be letters') as caught:
            boards.load(str(path))
        assert str(caught.value).isprintable()


def mutants(path: Path, first: int, count: int) -> int:
    """How many board files of changed characters describe a board still."""
    found, alphabet = 0, [*"0123456789abcdef_.-+=[]{}\"'#,\n eE", "9" * 20, "[" * 300, "\0", "\udcff", "nan", "inf"]
    for number in range(first, first + count):
        random = np.random.default_rng(number)
        text = list(GOOD)
        for _ in range(int(random.integers(1, 4))):
            place = int(random.integers(len(text)))
            text[place : place + int(random.integers(2))] = [str(random.choice(alphabet))]
        path.write_text("".join(text), encoding="utf-8", errors="surrogateescape")
        with contextlib.suppress(UsageError):
            found += boards.load(str(path)).name is not None
    return found


def test_damaged_files_are_boards_or_told(tmp_path: Path, seed: int) -> None:
    assert 0 < mutants(tmp_path / "mine.toml", seed, 300) < 300


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_damaged_files_are_boards_or_told(tmp_path: Path, seed: int) -> None:
    mutants(tmp_path / "mine.toml", seed + 1_000_000, 20_000)


def test_numbers_and_nesting_beyond_all_measure_are_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for old, new, message in (
        ("fpu = true", f"fpu = {'[' * 5000}{']' * 5000}", "nested too deeply"),
        ("bytes = 1024\nstack", f"bytes = {'9' * 5000}\nstack", "not valid TOML: .* 5000 digits"),
        ("bytes = 1024\nstack", f"bytes = 0x{'f' * 5000}\nstack", 'key "ram.bytes" is 0xfff.*… no number|is 0xfff.*…'),
        (
            "fpu = true\nclock_hz = 64_000_000",
            f"fpu = true\nclock_hz = 64_000_000\n[reads.data]\nways = {2**63 - 1}\n{READS}",
            "ways. is 0x7fff",
        ),
        (
            "clock_hz = 64_000_000",
            f"clock_hz = 64_000_000\n[reads.data]\n{READS.replace('64', '4_294_967_296')}",
            "cache_bytes must be .* at most",
        ),
        (
            "clock_hz = 64_000_000",
            f"clock_hz = 64_000_000\n[reads.data]\n{READS.replace('3', '1_000_000')}",
            "miss_cycles must be from 0 to 100,000",
        ),
        ("bytes = 1024\nstack", "bytes = 3_000_000_000\nstack", r"\[ram\] lies from .* where a Cortex-M has devices"),
        ("fpu = true", "fpu = \udc80", "not valid TOML"),
        ("[cpu]", f"[{'a.' * 50_000}b]\n[cpu]", "cannot read the board file: it has more than 65,536 bytes"),
    ):
        assert old in GOOD
        path.write_text(GOOD.replace(old, new), encoding="utf-8", errors="surrogateescape")
        with pytest.raises(UsageError, match=message):
            boards.load(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('uart = "LPUART1"', 'uart = "LPUART9"', 'serial.uart "LPUART9" is not one of this family: LPUART1, USART1'),
        ('tx = "PG7"', 'tx = "PG16"', 'serial.tx "PG16" is no pin of this family; write it like PG7'),
        ('tx = "PG7"', 'tx = "PG8"', "serial.tx and serial.rx are the same pin, PG8"),
        (
            'core = "cortex-m4"',
            'core = "cortex-m7"',
            'core "cortex-m7" does not go with family "stm32l4": it has the cor',
        ),
        ("function = 8", "function = 16", "serial.function must be 0 to 15, not 16"),
        ('source = "internal"', 'source = "quartz"', 'clock.source "quartz" is not one of this family: internal'),
        ("[clock]", "[usb]", 'unknown key "usb.source"'),
        (
            "[clock]",
            '[clock]\nenable = "PH1"',
            'clock.enable "PH1" must be a pin, like PG7, and clock.source "external"',
        ),
    ],
)
def test_a_wrong_choice_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = boards.path_of("nucleo-l4r5zi").read_text()
    text = text[: text.index("[usb]")]
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=message) as caught:
        boards.load(str(path))
    assert str(path) in str(caught.value)


def test_flash_methods_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    pyocd = '[flashing.pyocd]\ntarget = "nrf52840"\n'
    uf2 = '[flashing.uf2]\nfamily = 1\nboard_ids = ["A"]\nlabel = "B"\n'
    for text, order in ((pyocd + uf2, ["pyocd", "uf2"]), (uf2 + pyocd, ["uf2", "pyocd"])):
        path.write_text(GOOD + text)
        board = boards.load(str(path))
        assert list(board.flashing) == order
        assert board.flashing["pyocd"] == flash_methods.Pyocd("nrf52840")
        assert f"flashing   {', '.join(order)}" in boards.explain(board)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r'unknown board "nano3" \(did you mean "nano33"\?\).*its core: cortex-m0plus, '
    ):
        boards.load("nano3")
    with pytest.raises(UsageError, match="no such board file"):
        boards.load("nowhere.toml")
