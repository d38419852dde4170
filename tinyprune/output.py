"""The output folder of a build: how files get there whole, and how nothing of the user's is lost.

`project/` carries a manifest with the SHA-256 of each generated file. A file that no longer matches was edited by
somebody: the next build refuses to replace it unless it is told to.
"""

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyprune.boards import Board
from tinyprune.errors import UsageError
from tinyprune.firmware import FirmwareImage, FirmwareSource

#: How a file system says no.
_REFUSALS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.ENOENT,
    errno.ENAMETOOLONG, errno.EEXIST,
}  # fmt: skip
MODEL, PROJECT, REPORT, MANIFEST = "model.tflite", "project", "report.json", ".tinyprune.json"


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A temporary folder on the file system of `folder`; gone afterwards, with the parents it needed if nothing came.

    Raises UsageError where the file system refuses a file, there or later on.
    """
    made = [path for path in folder.parents if not path.exists()]
    staged: Path | None = None
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; give another folder with -o")
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder if folder.is_dir() else folder.parent))
        yield staged
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        place = error.filename or folder
        raise UsageError(f"cannot write {place}: {error.strerror}; give another folder with -o") from None
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def write_project(source: FirmwareSource, staged: Path) -> Path:
    """Writes all source files and their manifest below `staged`/project, which it returns."""
    folder = staged / PROJECT
    for path, text in source.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    manifest = {path: _sha256(folder / path) for path in sorted(source.files)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return folder


def check_unedited(output: Path) -> None:
    """Raises UsageError where the project of an earlier build was changed by hand, or is not one of ours."""
    folder = output / PROJECT
    if not folder.exists():
        return
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(
            f"{folder} was not made by tinyprune; give another folder with -o, or --force to replace it"
        ) from None
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    edited = sorted(path for path in present if manifest.get(path) != _sha256(folder / path))
    if edited:
        shown = ", ".join(edited[:5]) + (f" and {len(edited) - 5} more" if len(edited) > 5 else "")
        raise UsageError(
            f"{folder} has files that you changed or added: {shown}; "
            "give another folder with -o, or --force to replace them"
        )


def commit(staged: Path, output: Path) -> None:
    """Moves everything in `staged` into `output`, each by rename, in place of what an earlier build left there."""
    output.mkdir(exist_ok=True)
    for path in sorted(staged.iterdir()):
        target, old = output / path.name, staged / f"{path.name}.old"
        if target.is_dir():
            target.rename(old)
        path.replace(target)
        shutil.rmtree(old, ignore_errors=True)


def load(output: Path, board: Board) -> tuple[FirmwareImage, bytes]:
    """The image and the model that a build left in `output`.

    Raises UsageError where there is none, or it was built for another board.
    """
    again = f"run `tinyprune build --board {board.name} -o {output}` first"
    try:
        report = json.loads((output / REPORT).read_text(encoding="utf-8"))
        model = (output / MODEL).read_bytes()
        image = FirmwareImage(
            report["board"],
            report["model_sha256"],
            report["compiler"],
            output / report["image"],
            report["flash_bytes"],
            report["ram_bytes"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{output} has no finished build; {again}") from None
    if image.board != board.name:
        raise UsageError(f"{output} holds firmware for {image.board}, not {board.name}; {again}")
    if not image.elf.is_file() or hashlib.sha256(model).hexdigest() != image.model_sha256:
        raise UsageError(f"the firmware and the model in {output} do not belong together; {again}")
    return image, model


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
