"""The README and the docs say what the program does."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tinyprune.cli import cli
from tinyprune.compiler.kernels import KERNELS
from tinyprune.compiler.operators.page import MODELS
from tinyprune.compiler.operators.page import page as page_of_operators
from tinyprune.device import boards, flash_methods

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
COMMAND_NAMES = "|".join(cli.commands)


def _commands(text: str) -> set[str]:
    """Those in code, a line each, as the reader types them."""
    code = re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall(r"`(tinyprune [^`\n]*)`", text)
    lines = "\n".join(code).replace("\\\n", " ").splitlines()
    found = (re.search(rf"tinyprune ((?:{COMMAND_NAMES})\b[^|&#]*)", line.replace("\\|", "/")) for line in lines)
    return {match[1].strip() for match in found if match}


COMMANDS = sorted({command for page in PAGES for command in _commands(page.read_text(encoding="utf-8"))})


def test_the_page_of_operators_is_what_the_rules_say() -> None:
    written = (ROOT / "docs/operators.md").read_text(encoding="utf-8")
    assert written.partition(f"\n{MODELS}")[0] == page_of_operators()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_pages_exist(command: str) -> None:
    words, group = shlex.split(command), cli
    while words and isinstance(group, click.Group) and words[0] in group.commands:
        group = group.commands[words.pop(0)]  # type: ignore[assignment]
    known = {name for option in group.params for name in (*option.opts, *option.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= known | {"--help"}


def test_the_first_build_shows_real_output() -> None:
    page = (ROOT / "docs/first-build.md").read_text(encoding="utf-8")
    shown = re.search(r"```\nOK  fits nano33.*?\n```", page, re.DOTALL)
    assert shown is not None
    for part in (
        "64 of 64 outputs are bit-identical",
        "modelled cycles\n",
        "total ",
        "modelled, not measured",
        "recorded on",
    ):
        assert part in shown[0]


def test_the_readme_is_short_to_read() -> None:
    lines = README.splitlines()
    assert max(map(len, lines)) <= 160
    assert len(lines) <= 200
    tables = [len(rows.splitlines()) for rows in re.findall(r"(?:^\|.*\n)+", README, re.MULTILINE)]
    assert max(tables) - 2 <= 15


def test_the_readme_counts_the_boards() -> None:
    names = [name for name in boards.names() if name != "host"]
    emulated, cores = (sum(name.startswith(begin) for name in names) for begin in ("mps", "cortex-"))
    assert f"{len(names) - emulated - cores} boards, {emulated} of QEMU's and {cores} generic cores" in README


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Every page is in the navigation, and every link and anchor leads somewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = (tmp_path / "site/commands/index.html").read_text(encoding="utf-8")
    for name in cli.commands:
        assert f'id="tinyprune-{name}"' in shown


def test_links_lead_somewhere() -> None:
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.md"),
    ):
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_every_kernel_has_its_file_and_every_file_its_kernel() -> None:
    files = {path.stem for path in ROOT.glob("firmware_templates/runtime/src/*.c")}
    assert {kernel.name for kernel in KERNELS} <= files


def test_every_key_of_a_board_file_is_explained() -> None:
    page = (ROOT / "docs/adding-a-board.md").read_text(encoding="utf-8")
    for name in boards.names():
        text = (ROOT / f"boards/{name}.toml").read_text(encoding="utf-8")
        table = ""
        for line in text.splitlines():
            if section := re.match(r"\[([\w.-]+)\]", line):
                table = section[1] + "."
                if table.startswith("reads."):  # all kinds have the same keys
                    assert f"`{section[1]}`" in page, f"{name}: {section[1]}"
                    table = "reads.KIND."
            elif key := re.match(r"(\w+) *=", line):
                assert f"`{table}{key[1]}`" in page, f"{name}: {table}{key[1]}"


@pytest.mark.parametrize("name", [name for name in boards.names() if boards.load(name).serial])
def test_the_table_of_boards_is_that_of_their_files(name: str) -> None:
    page = (ROOT / "docs/boards.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    board = boards.load(name)
    assert board.flash
    assert board.ram
    assert board.serial
    core = board.cpu.core.removeprefix("cortex-").upper().replace("PLUS", "+")
    clock, flash, ram = board.cpu.clock_hz // 10**6, board.flash.bytes // 1024, board.ram.bytes // 1024
    serial = f"{board.serial.uart}, {board.serial.tx}/{board.serial.rx}"
    cells = [core, f"{clock} MHz", f"{flash} KB", f"{ram} KB", serial, "USB" if board.serial.probe else "an adapter"]
    assert row.split(" | ")[2:] == [*cells[:-1], f"{cells[-1]} |"]


def test_the_page_on_flashing_has_every_method() -> None:
    page = (ROOT / "docs/flashing.md").read_text(encoding="utf-8")
    for method in flash_methods.FLASH_METHODS:
        assert f"\n| `{method}` |" in page
