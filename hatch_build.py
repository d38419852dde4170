"""What a release says of itself depends on where it is released from: the addresses in its metadata and README.

A build on GitHub knows them (GITHUB_REPOSITORY); any other has none, and keeps the README's links as they are.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: What is shown as it is, not as a page: pictures.
_RAW = (".svg", ".png")


class Metadata(MetadataHookInterface):  # type: ignore[misc] # hatchling is not there when types are checked
    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        if address := _address(os.environ):
            metadata["urls"] = {
                "Homepage": address,
                "Documentation": f"{address}/blob/HEAD/docs/index.md",
                "Changelog": f"{address}/blob/HEAD/CHANGELOG.md",
                "Issues": f"{address}/issues",
            }
            text = absolute(text, address)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def _address(environment: "os._Environ[str]") -> str:
    repository = environment.get("GITHUB_REPOSITORY", "")
    return f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}" if repository else ""


def absolute(text: str, address: str) -> str:
    """A page of Markdown whose links into the repository lead there from anywhere."""

    def link(found: "re.Match[str]") -> str:
        kind = "raw" if found[2].endswith(_RAW) else "blob"
        return f"{found[1]}{address}/{kind}/HEAD/{found[2]}"

    inline = re.sub(r"(\]\()(?!https?:|#|mailto:)([^)\s]+)(?=\))", link, text)
    return re.sub(r"(?m)^(\[[^\]]+\]: )(?!https?:)(\S+)$", link, inline)
