"""What in an output folder is a user's: whatever no build wrote, and whatever was changed since.

A build leaves a manifest with the SHA-256 of each file that it wrote, and the text of the project's files as it wrote
them, so that the next build sees what was changed and can show it. Three rules:

* A file that no build wrote stays where it is. If a build wants to write there, it is refused.
* A changed file that users are meant to change (`Project.yours`: a sketch, a CMakeLists.txt) stays as it is; who
  deletes it gets it anew.
* Any other changed file stops the build, unless that is told to replace it.
"""

import difflib
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyprune import files

MANIFEST, ORIGINALS = ".tinyprune.json", ".tinyprune.zip"
#: Of a message: files named, lines of their differences shown.
_NAMED_FILES, _SHOWN_LINES = 5, 40
#: Of a text that is compared line by line.
_COMPARED_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the last build wrote: path in the output folder → SHA-256, and which of them are users' to change."""

    files: Mapping[str, str]
    yours: frozenset[str] = frozenset()

    def to_json(self) -> str:
        return json.dumps({"files": dict(self.files), "yours": sorted(self.yours)}, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a folder becomes what a build made: paths in it. `lost` are users' and among `removed`."""

    removed: tuple[str, ...]  # before anything is written: files, also those that are replaced, and folders
    written: tuple[str, ...]
    kept: tuple[str, ...]  # changed by users, who are meant to
    lost: tuple[str, ...]


def read_manifest(output: Path) -> Manifest:
    """Empty where no build has been, or its manifest is damaged: then every file is a user's. A manifest may come with
    somebody else's folder: what it says of files outside, also by way of a link, is not believed."""
    try:
        found = json.loads(files.content(output / MANIFEST))
        inside = {path: value for path, value in found["files"].items() if is_inside(path, output)}
        return Manifest(inside, frozenset(found["yours"]))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Manifest({})


def is_inside(path: str, output: Path) -> bool:
    """Whether a file is in `output`, and no link leads there."""
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts or "\0" in path:
        return False
    return not any((output / parent).is_symlink() for parent in Path(path).parents if parent.parts)


def plan(output: Path, new: Manifest) -> Plan:
    """What a build that wrote `new` does to `output`. Raises OSError where a file there cannot be read."""
    old = read_manifest(output)
    here = [path for path in sorted({*old.files, *new.files}) if _is_file(output / path)]
    hashes = {path: sha256(output / path) for path in here}
    changed_ones = [path for path in here if hashes[path] not in (old.files.get(path), new.files.get(path))]
    blocked = _in_the_way(output, new.files)
    kept = [path for path in changed_ones if path in old.yours | new.yours and not _is_below(path, blocked)]
    theirs = {p for path in blocked for p in _below(output, path) if old.files.get(p) != sha256(output / p)}
    lost = sorted(theirs.union(changed_ones).difference(kept))
    removed = [*blocked, *(path for path in here if path not in kept and not _is_below(path, blocked))]
    return Plan(tuple(removed), tuple(path for path in new.files if path not in kept), tuple(kept), tuple(lost))


def _is_file(path: Path) -> bool:
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def _in_the_way(output: Path, paths: Iterable[str]) -> list[str]:
    """Folders that stand where a file must be, and files and links that stand where a folder must be."""
    folders = {parent for path in paths for parent in (output / path).parents if output in parent.parents}
    files = [path for path in paths if (output / path).is_dir() and not (output / path).is_symlink()]
    return sorted([*files, *(key(folder, output) for folder in folders if _is_file(folder))])


def _below(output: Path, path: str) -> list[str]:
    """The file itself, or the files in the folder."""
    target = output / path
    return [path] if _is_file(target) else [key(p, output) for p in sorted(target.rglob("*")) if _is_file(p)]


def changed(output: Path, targets: Iterable[str]) -> list[str]:
    """What the next build must refuse to touch, as far as that is known before it has begun: changed files that are
    not users' to change, and whatever stands at `targets` without being in the manifest."""
    old = read_manifest(output)
    paths = sorted({*targets, *(set(old.files) - old.yours)})
    return [path for path in paths if (output / path).is_file() and old.files.get(path) != sha256(output / path)]


def refusal(output: Path, paths: list[str]) -> str:
    """The message: which files, what to do, what would be lost."""
    more = f" and {len(paths) - _NAMED_FILES} more" if len(paths) > _NAMED_FILES else ""
    lines = [line for path in paths for line in difference(output, path)]
    hidden = len(lines) - _SHOWN_LINES
    shown = [*lines[:_SHOWN_LINES], *([f"… and {hidden} more lines"] if hidden > 0 else [])]
    return "\n".join(
        [
            f"{output} has files that you changed or added: {', '.join(paths[:_NAMED_FILES])}{more}; "
            "give another folder with -o, or --force to replace them",
            *(["what you changed:", *shown] if shown else []),
        ]
    )


def difference(output: Path, path: str) -> list[str]:
    """What a user changed in a text file that a build wrote, as a unified diff; empty for any other file."""
    try:
        with zipfile.ZipFile(output / ORIGINALS) as originals:
            if originals.getinfo(path).file_size > _COMPARED_BYTES:
                return []
            before = originals.read(path).decode("utf-8")
        after = (output / path).read_text(encoding="utf-8")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return []
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), path, f"{path} (yours)", n=1, lineterm="")
    return list(diff)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A .zip of path → content; the same bytes for the same files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16  # a regular file that its owner may write
            target.writestr(entry, content)
    return stream.getvalue()


def key(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def sha256(path: Path) -> str:
    """Of a file's contents; empty for what is none, such as a link to a folder."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
