"""Fetch a data set archive over a bad connection, and unpack it: resumed, checked, and there whole or not at all.

The default is the official Speech Commands v0.02 (arXiv:1804.03209). It is published without a checksum of its own; the
SHA-256 below is the one that TensorFlow Datasets (tensorflow_datasets/url_checksums/speech_commands.txt) and torchaudio
(datasets/speechcommands.py) verify.
"""

import gzip
import hashlib
import lzma
import re
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import TypeGuard

from tinyprune import files
from tinyprune.errors import DataError, UsageError, printable
from tinyprune.progress import BytesProgress

SPEECH_COMMANDS_URL = "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
SPEECH_COMMANDS_SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"

CHUNK_BYTES = 1 << 18
TIMEOUT_S = 30.0
#: What an archive may be, unless the caller says otherwise; Speech Commands is 2.4 GB.
MOST_BYTES = 4 << 30
#: How many times larger than that it may be when it is unpacked.
_UNPACKED = 8
#: Failures in a row, without a byte between them, after which fetch gives up; the pause doubles with each.
ATTEMPTS = 6
FIRST_PAUSE_S = 1.0


class _InterruptedError(Exception):
    """A failure that the next attempt may not see."""


def fetch(
    destination_folder: Path,
    *,
    url: str | None = None,
    sha256: str | None = None,
    max_bytes: int = MOST_BYTES,
    progress: BytesProgress = lambda _stage, _done_bytes, _total_bytes: None,
) -> Path:
    """Download a .tar.gz and unpack it as `destination_folder`, which must not exist yet; returns the folder.

    Without `url` and `sha256` it is Speech Commands. An interrupted download stays beside the folder as
    `<name>.download` and is resumed by the next call; one at a time may work there. An archive of more than `max_bytes`
    is not fetched to its end.
    """
    if (url is None) != (sha256 is None):
        raise UsageError("--url and --sha256 go together: an archive is not unpacked unless its checksum is right")
    if url is None or sha256 is None:
        url, sha256 = SPEECH_COMMANDS_URL, SPEECH_COMMANDS_SHA256
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", sha256):
        raise UsageError(f"--sha256 {printable(sha256)} is no SHA-256: that is 64 hexadecimal digits")
    archive = destination_folder.with_name(f"{destination_folder.name}.download")
    if destination_folder.exists():
        files.remove_stale(archive)  # of a fetch that was killed when all was unpacked
    _check_new(destination_folder)
    try:
        destination_folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(archive):
            _check_new(destination_folder)
            _download(url, archive, max_bytes, progress)
            _check(archive, url, sha256.lower(), progress)
            _unpack(archive, destination_folder, _UNPACKED * max_bytes, progress)
            archive.unlink()
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or destination_folder}: {error.strerror or error}") from error
    return destination_folder


def _check_new(folder: Path) -> None:
    if folder.exists():
        raise UsageError(f"{folder} exists already; remove it or choose another folder")


@contextmanager
def _alone(archive: Path) -> Iterator[None]:
    """Holds the lock of the archive, which is there meanwhile. Raises UsageError where another process has it."""
    archive.touch()
    try:
        with files.alone(archive, wait=False):
            try:
                yield
            finally:
                if archive.is_file() and not _size(archive):
                    archive.unlink()
    except BlockingIOError:
        raise UsageError(f"another process is fetching into {archive}; wait for it, or choose another folder") from None


def _download(url: str, archive: Path, max_bytes: int, progress: BytesProgress) -> None:
    """Append to the archive until it is whole; only failures without any progress are counted."""
    failures = 0
    while True:
        before = _size(archive)
        try:
            _download_rest(url, archive, max_bytes, progress)
            return
        except _InterruptedError as error:
            failures = 1 if _size(archive) > before else failures + 1
            if failures == ATTEMPTS:
                raise DataError(
                    f"{url} could not be downloaded: {error} ({ATTEMPTS} attempts); "
                    f"{_size(archive):,} bytes are kept, the same command goes on from there"
                ) from error
            time.sleep(FIRST_PAUSE_S * 2 ** (failures - 1))


def _download_rest(url: str, archive: Path, max_bytes: int, progress: BytesProgress) -> None:
    """One request for the bytes that are missing."""
    have = _size(archive)
    response = _open(url, have)
    if response is None:
        return
    with response:
        start, total = _span(response, have)
        _check_size(url, total or 0, max_bytes)
        with archive.open("r+b" if archive.exists() else "wb") as file:
            file.seek(start)
            file.truncate()
            done = start
            while chunk := _read(response):
                done += len(chunk)
                _check_size(url, done, max_bytes)
                file.write(chunk)
                progress("download", done, total)
    if total is not None and done < total:
        raise _InterruptedError(f"the connection was cut after {done:,} of {total:,} bytes")


def _check_size(url: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise DataError(f"{url} has more than {max_bytes:,} bytes; if that is right, allow more with --max-bytes")


def _open(url: str, have: int) -> HTTPResponse | None:
    """The response to a request from byte `have` on; None if the server has no more."""
    try:
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        response: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)
        return response
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            return None
        if error.code >= 500 or error.code in (408, 429):
            raise _InterruptedError(f"the server answered {error.code} {error.reason}") from error
        raise DataError(f"{url} cannot be downloaded: the server answered {error.code} {error.reason}") from error
    except ValueError as error:
        raise UsageError(f"{url} is no URL: {error}") from error
    except (OSError, HTTPException) as error:
        raise _InterruptedError(str(getattr(error, "reason", "") or error or type(error).__name__)) from error


def _span(response: HTTPResponse, have: int) -> tuple[int, int | None]:
    """First byte and total size; a server that ignores Range starts over."""
    length = response.headers.get("Content-Length")
    if response.status != 206:
        return 0, int(length) if _is_number(length) else None
    first, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = first.partition("-")[0]
    if start != str(have) or not _is_number(total):
        raise _InterruptedError(f"the server answered with the range {first or 'missing'} instead of {have}-")
    return have, int(total)


def _is_number(text: str | None) -> TypeGuard[str]:
    return re.fullmatch(r"[0-9]{1,18}", text or "") is not None


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise _InterruptedError(f"the connection was cut: {str(error) or type(error).__name__}") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check(archive: Path, url: str, sha256: str, progress: BytesProgress) -> None:
    digest, done, total = hashlib.sha256(), 0, _size(archive)
    with archive.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            progress("check", done, total)
    if digest.hexdigest() != sha256:
        aside = archive.with_name(f"{archive.name}.wrong")
        archive.replace(aside)
        raise DataError(
            f"{url} arrived with SHA-256 {digest.hexdigest()}, expected {sha256}: damaged on the way or not the "
            f"file meant; its {total:,} bytes are in {aside}, run the command again to fetch anew"
        )


def _unpack(archive: Path, folder: Path, most_bytes: int, progress: BytesProgress) -> None:
    """Unpack beside the folder, then rename: it exists only when complete."""
    part = folder.with_name(f"{folder.name}.unpacking")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file) as tar:
            for member in tar:
                most_bytes -= member.size
                if most_bytes < 0:
                    raise DataError(f"{archive} would be too large unpacked; nothing was; allow more with --max-bytes")
                _unpack_member(tar, member, part)
                progress("unpack", file.tell(), _size(archive))
        part.replace(folder)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise DataError(f"{archive} is no tar archive: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, part: Path) -> None:
    """Only files and folders below `part`; links and devices have no place in a data set."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        raise DataError(
            f"the archive holds {member.name!r}, which is outside its folder or no plain file; nothing was unpacked"
        )
    target = part / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)
