"""A build's output folder: what lies there, and how nothing of the user's is lost (`edits.py` knows what is theirs)."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from tinyprune import __version__, files
from tinyprune.device.boards import Board
from tinyprune.device.firmware import FORMAT, FirmwareImage, Project
from tinyprune.errors import UsageError
from tinyprune.firmware import edits

MODEL, PROJECT, REPORT = "model.tflite", "project", "report.json"
TFLM_MODEL = "model-tflm.tflite"  # with custom operators
#: Of a temporary folder: what was in the output folder before.
_OLD = ".old"
#: Whatever a build may write into the output folder itself.
_TARGETS = (MODEL, TFLM_MODEL, REPORT, "firmware", "firmware.elf", "firmware.hex", "firmware.bin")


def write_project(project: Project, staged: Path, output: Path) -> None:
    """Writes `staged`/project in place of any other, and what edits.py compares with next time. Of files that users are
    meant to change, the .zip has those in `output` that were changed."""
    shutil.rmtree(staged / PROJECT, ignore_errors=True)
    files.write_files(project.files, staged / PROJECT)
    made = {path: text.encode() for path, text in project.files.items()}
    (staged / edits.ORIGINALS).write_bytes(edits.archive({f"{PROJECT}/{path}": text for path, text in made.items()}))
    if project.archive is None:
        return
    old = edits.read_manifest(output).files
    for path in project.yours:
        present = output / PROJECT / path
        if present.is_file() and edits.sha256(present) != old.get(f"{PROJECT}/{path}"):
            made[path] = present.read_bytes()
    inside = {path: text for path, text in made.items() if path.startswith(f"{project.archive}/")}
    (staged / PROJECT / f"{project.archive}.zip").write_bytes(edits.archive(inside))


def check_unedited(output: Path) -> None:
    """Raises UsageError where a build would replace files that no build wrote, or that were changed since, as far as
    that is known before the build: `commit` looks again."""
    with files.readable(output):
        recover(output)
        theirs = edits.changed(output, _TARGETS)
    if theirs:
        raise UsageError(edits.refusal(output, theirs))


def commit(staged: Path, output: Path, yours: Collection[str], *, force: bool = False) -> list[str]:
    """Moves every file in `staged` into `output`, each by rename, and removes what an earlier build left there. Users'
    files stay: the result names those that were written by a build, are `yours` (in project/) to change, and were.

    Raises UsageError where something of the user's is in the way, unless told to `force` its replacement. All of it or
    nothing: a failure puts back what was there, Ctrl-C waits, and another build waits its turn.
    """
    made = {edits.key(path, staged): edits.sha256(path) for path in _files(staged)}
    new = edits.Manifest(made, frozenset(f"{PROJECT}/{path}" for path in yours))
    (staged / edits.MANIFEST).write_text(new.to_json(), encoding="utf-8")
    output.mkdir(exist_ok=True)
    with files.alone(output), files.uninterrupted():
        with files.readable(output):
            recover(output)
            plan = edits.plan(output, new)
        if plan.lost and not force:
            raise UsageError(edits.refusal(output, list(plan.lost)))
        _move(staged, output, plan.removed, plan.written)
    return list(plan.kept)


def recover(output: Path) -> None:
    """Finishes what a build was moving into `output` when it was killed. Raises OSError where that cannot be."""
    for staged in files.temporaries(output):
        journal = staged / files.JOURNAL
        if journal.is_file():
            with contextlib.suppress(BlockingIOError), files.alone(staged, wait=False):  # else: it lives
                _finish(staged, output, journal)


def _finish(staged: Path, output: Path, journal: Path) -> None:
    try:
        removed, written = ([*map(str, part)] for part in json.loads(files.content(journal)))
    except (ValueError, TypeError, RecursionError):
        removed, written = [], []
    if all(edits.is_inside(path, output) for path in (*removed, *written)):
        output.mkdir(exist_ok=True)
        _forward(staged, output, removed, written)
        _remove_empty_folders(output, [*removed, *written])
    journal.unlink()
    shutil.rmtree(staged, ignore_errors=True)


def _move(staged: Path, output: Path, removed: Collection[str], written: Collection[str]) -> None:
    """Takes `removed` out of `output` and puts `written` there, or changes nothing; who is killed meanwhile leaves a
    journal, by which `recover` goes on."""
    manifest = [edits.MANIFEST] if (output / edits.MANIFEST).exists() else []
    removed, written = [*removed, *manifest], [*written, edits.MANIFEST]
    journal = staged / files.JOURNAL
    with files.whole(journal) as part:
        part.write_text(json.dumps([removed, written]), encoding="utf-8")
    try:
        _forward(staged, output, removed, written)
    except BaseException:
        _back(staged, output, removed, written)
        raise
    finally:
        _remove_empty_folders(output, [*removed, *written])
        journal.unlink(missing_ok=True)


def _forward(staged: Path, output: Path, removed: Collection[str], written: Collection[str]) -> None:
    """All steps that are not done yet: each is one rename."""
    for path in removed:
        if not os.path.lexists(staged / _OLD / path) and os.path.lexists(output / path):
            _rename(output / path, staged / _OLD / path)
    for path in written:
        if os.path.lexists(staged / path):
            _rename(staged / path, output / path)


def _back(staged: Path, output: Path, removed: Collection[str], written: Collection[str]) -> None:
    """Undoes all steps that are done."""
    for path in written:
        if not os.path.lexists(staged / path) and os.path.lexists(output / path):
            _rename(output / path, staged / path)
    for path in removed:
        if os.path.lexists(staged / _OLD / path):
            _rename(staged / _OLD / path, output / path)


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def _remove_empty_folders(output: Path, paths: Collection[str]) -> None:
    folders = {parent for path in paths for parent in (output / path).parents if output in parent.parents}
    for folder in sorted(folders, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def load(output: Path, board: Board) -> tuple[FirmwareImage, bytes]:
    """The image and the model that a build left in `output`.

    Raises UsageError where there is none, it was built for another board, or in another format.
    """
    again = f"run `tinyprune build --board {board.name} -o {output}` first"
    with contextlib.suppress(OSError):  # a folder that is only to be read
        recover(output)
    try:
        report = json.loads(files.content(output / REPORT))
        _check_format(output, report["tinyprune"], report.get("format"), again)
        model = files.content(output / MODEL, files.MOST_MODEL_BYTES)
        image = FirmwareImage(
            report["board"],
            report["model_sha256"],
            report["compiler"],
            output / report["image"],
            report["flash_bytes"],
            report["ram_bytes"],
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{output} has no finished build; {again}") from None
    if image.board != board.name:
        raise UsageError(
            f"{output} holds firmware for {image.board}, not {board.name}; "
            f"give --board {image.board}, or another folder with --build"
        )
    built = image.elf.is_file() and edits.read_manifest(output).files.get(image.elf.name) == edits.sha256(image.elf)
    if not built or hashlib.sha256(model).hexdigest() != image.model_sha256:
        raise UsageError(f"the firmware and the model in {output} do not belong together; {again}")
    return image, model


def hears(output: Path) -> bool:
    """Whether a finished build, which `load` has taken, is firmware that hears."""
    return json.loads((output / REPORT).read_text(encoding="utf-8")).get("audio") is not None


def _check_format(output: Path, version: str, found: object, again: str) -> None:
    """Raises UsageError for a build of a tinyprune that made them otherwise, TypeError for what is no format.

    The first builds had none.
    """
    number = 0 if found is None else found
    if type(number) is not int:
        raise TypeError
    if number == FORMAT:
        return
    age, update = ("an older", "") if number < FORMAT else ("a newer", "update tinyprune, or ")
    raise UsageError(
        f"{output} was built by tinyprune {version}, in {age} format ({'none' if found is None else number}) "
        f"than tinyprune {__version__} takes ({FORMAT}); {update}{again}"
    )
