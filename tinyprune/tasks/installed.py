"""Where this tinyprune comes from, and what pip installs elsewhere to have the same."""

import importlib.metadata
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tinyprune import __version__

_SECONDS = 30


def source() -> str | None:
    """For pip: the release, or the repository and commit that this tinyprune comes from. None where that is a folder
    without a repository that others can reach.

    By PEP 610's direct_url.json, which is not there where pip took a release from an index.
    """
    try:
        text = importlib.metadata.distribution("tinyprune").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return None
    if text is None:
        return f"tinyprune=={__version__}"
    about = json.loads(text)
    if "vcs_info" in about:
        return f"git+{about['url']}@{about['vcs_info']['commit_id']}"
    parts = urlsplit(about["url"])
    return _of_checkout(Path(url2pathname(parts.path))) if parts.scheme == "file" else str(about["url"])


def _of_checkout(folder: Path) -> str | None:
    url, commit = _git(folder, "remote", "get-url", "origin"), _git(folder, "rev-parse", "HEAD")
    if url is None or commit is None:
        return None
    public = re.sub(r"^(?:ssh://)?git@([\w.-]+)[:/]", r"https://\1/", url)
    return f"git+{public}@{commit}" if re.fullmatch(r"https://[\w.-]+/[\w./-]+", public) else None


def of_repository(folder: Path) -> str | None:
    """OWNER/NAME of the repository on GitHub that a folder is a clone of."""
    found = re.search(
        r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?$", _git(folder, "remote", "get-url", "origin") or ""
    )
    return found[1] if found else None


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
