"""The folder of a training that may be stopped: kept for the request that began it, gone when that is done."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinyprune import files
from tinyprune.errors import UsageError
from tinyprune.training.train import HISTORY

#: Written first, so that what is found beside it is known to be of this request.
REQUEST = "request.json"
#: Behind the name of what a training makes: its folder.
SUFFIX = ".training"


@contextmanager
def folder(path: Path, request: Mapping[str, Any]) -> Iterator[None]:
    """`path` while a training works there, alone. `request` is JSON that tells one training from another.

    What an earlier process of the same request left is there to go on from. Afterwards the folder is removed, unless
    something broke off after a first epoch. Raises UsageError where the folder is another's, or in use, or cannot be
    written.
    """
    is_new_place = not path.parent.exists()
    ours = json.loads(json.dumps(request))
    try:
        _claim(path, ours)
        with files.alone(path, wait=False):
            try:
                yield
            except BaseException:
                if not any(path.glob(f"*/{HISTORY}")):
                    _remove(path)
                raise
            _remove(path)
    except BlockingIOError:
        raise UsageError(f"another process is training in {path}; wait for it, or give another -o") from None
    except OSError as error:
        kept = f"; the same command goes on from what is in {path}" if path.is_dir() else "; give another -o"
        raise UsageError(f"cannot write {error.filename or path}: {error.strerror}{kept}") from error
    finally:
        if is_new_place and path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _claim(path: Path, ours: Mapping[str, Any]) -> None:
    otherwise = "move it away, or give another -o"
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file, where checkpoints would go; {otherwise}")
    if path.is_dir() and any(path.iterdir()):
        try:
            theirs = json.loads(files.content(path / REQUEST))
            differing = ", ".join(key for key in ours if theirs.get(key) != ours[key])
        except (OSError, ValueError, AttributeError, RecursionError):
            raise UsageError(f"{path} is no folder of an unfinished training; {otherwise}") from None
        if differing:
            raise UsageError(
                f"{path} is the unfinished training of another request (differing in: {differing}); "
                f"give that one again to go on, or remove the folder, or give another -o"
            )
        return
    path.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(ours, indent=1), encoding="utf-8")
    part.replace(path / REQUEST)


def _remove(path: Path) -> None:
    """What says whose it is goes last."""
    for inside in path.iterdir():
        if inside.is_dir():
            shutil.rmtree(inside)
    shutil.rmtree(path)
