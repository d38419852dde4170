"""All of `tinyprune init-ci`: a GitHub Actions workflow for a user's repository."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import jinja2

from tinyprune import __version__, files
from tinyprune.device.boards import Board
from tinyprune.device.emulators import EMULATORS
from tinyprune.errors import UsageError, printable
from tinyprune.resources import FIRMWARE_TEMPLATES
from tinyprune.tasks import installed, values

Pairs: TypeAlias = tuple[tuple[str, str], ...]
WORKFLOW = Path(".github/workflows/firmware.yml")
BASELINES = "benchmarks"
#: Renode's own files are written for this release (docs of each template), which antmicro/renode-test-action builds.
RENODE_REVISION = "v1.16.1"
_CI_EMULATORS = ("sim", "qemu", "host")
_APT = {"qemu": "qemu-system-arm"}


@dataclass(frozen=True, slots=True)
class CiRequest:
    boards: tuple[Board, ...]
    folder: Path  # root of the repository
    model: Path | None = None  # a .tflite in it; None: the zoo's default
    install: str | None = None  # what pip installs; None: what this tinyprune comes from
    budget: tuple[str, ...] = ()  # further options of `tinyprune build`
    force: bool = False


@dataclass(frozen=True, slots=True)
class CiReport:
    workflow: Path
    targets: Pairs  # (board, emulator)
    renode: Pairs  # (board, emulator of the job before) that also run there
    notes: tuple[str, ...]


def run_init_ci(request: CiRequest) -> CiReport:
    """Writes the workflow. Raises UsageError where it would replace a file, or could not work."""
    path = request.folder / WORKFLOW
    model = _model(request)
    install = request.install or installed.source() or f"tinyprune=={__version__}"
    if not re.fullmatch(r"[\w.+:/@=<>~,-]+", install):
        raise UsageError(f'--install "{install}": something for pip is needed, such as tinyprune=={__version__}')
    if os.path.lexists(path) and not request.force:
        raise UsageError(f"{path} is there already; --force replaces it")
    targets = tuple((board.name, name) for board in request.boards for name in _emulators(board))
    renode = tuple((board.name, _emulators(board)[0]) for board in request.boards if "renode" in board.emulators)
    options = [*(() if model is None else ("--model", model)), *request.budget]
    text = _render(targets, renode, "".join(f" {shlex.quote(option)}" for option in options), _with_pages(install))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.whole(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot write: {error.strerror}") from None
    return CiReport(path, targets, renode, _notes(request, targets, install))


def budget(flash_bytes: int | None, ram_bytes: int | None, cycles: int | None) -> tuple[str, ...]:
    """Options of `tinyprune build`. Raises UsageError for a limit that is none."""
    values.at_least(1, max_flash=flash_bytes, max_ram=ram_bytes, max_cycles=cycles)
    limits = {"--max-flash": flash_bytes, "--max-ram": ram_bytes, "--max-cycles": cycles}
    return tuple(word for name, most in limits.items() if most is not None for word in (name, str(most)))


def _with_pages(install: str) -> str:
    """The same requirement with what draws pages."""
    name = re.match(r"tinyprune(?=[=<>~]|$)", install)
    if name:
        return f"tinyprune[html]{install[name.end() :]}"
    return f"{install}[html]" if install.endswith(".whl") else f"tinyprune[html] @ {install}"


def _model(request: CiRequest) -> str | None:
    """The path in the repository."""
    if not request.folder.is_dir():
        raise UsageError(f"{request.folder}: no such folder")
    if request.model is None:
        return None
    if not request.model.is_file() or request.model.suffix != ".tflite":
        raise UsageError(f"{request.model}: an int8 .tflite is needed, which is in the repository")
    try:
        path = request.model.resolve().relative_to(request.folder.resolve()).as_posix()
        if re.fullmatch(r"[\w ./+@,-]+", path):
            return path
        raise UsageError(f"{printable(path)}: give it a plain name: letters, digits, blanks and . / + @ , _ -")
    except ValueError:
        raise UsageError(f"{request.model} is not in {request.folder}: a CI sees only the repository") from None


def _emulators(board: Board) -> list[str]:
    """Those that a CI can have and `bench` compares on."""
    found = [name for name in _CI_EMULATORS if name in board.emulators and name in EMULATORS]
    if not found:
        raise UsageError(f"{board.name} has no emulator for a CI: it has {', '.join(board.emulators)}")
    return found


def _render(targets: Pairs, renode: Pairs, options: str, install: str) -> str:
    """GitHub writes ${{ … }}, so the template's own marks are << … >> and <% … %>."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FIRMWARE_TEMPLATES / "ci"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    packages = " ".join(sorted({_APT[emulator] for _, emulator in targets if emulator in _APT}))
    return environment.get_template("github.yml.j2").render(
        targets=targets,
        renode=renode,
        renode_revision=RENODE_REVISION,
        options=options,
        install=install,
        baselines=BASELINES,
        apt=packages,
    )


def _notes(request: CiRequest, targets: Pairs, install: str) -> tuple[str, ...]:
    notes = [f"GitHub installs {install}; --install names another version, a git+https:// URL or a wheel of yours"]
    if request.install is None and installed.source() is None:
        notes.append(
            "this tinyprune comes from a folder, not from an index or a public repository: where GitHub cannot find "
            "that version, the workflow fails until --install says where it is"
        )
    project = installed.of_repository(request.folder) or "OWNER/REPOSITORY"
    badge = f"https://github.com/{project}/actions/workflows/{WORKFLOW.name}"
    notes.append(f"a badge for your README: [![firmware]({badge}/badge.svg)]({badge})")
    if not (request.folder / ".git").exists():
        notes.append(f"{request.folder} is not the root of a git repository: GitHub reads workflows only there")
    for board, emulator in targets:
        bench = f"tinyprune bench --board {board} --emulator {emulator} --json"
        notes.append(f"to fail when it becomes worse: `{bench} > {BASELINES}/{board}-{emulator}.json`, and commit it")
    return tuple(notes)
