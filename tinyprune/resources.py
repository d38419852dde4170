"""Where the data that travels with tinyprune lies: beside the package in a checkout, inside it in an installed
wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent

BOARDS = _ROOT / "boards"
FIRMWARE_TEMPLATES = _ROOT / "firmware_templates"
LICENSE = _ROOT / "LICENSE"
PAGE_TEMPLATES = _PACKAGE / "pages" / "templates"
