"""`release_notes.py vX.Y.Z`: that version's part of CHANGELOG.md, on standard output; refuses what is no release."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(tag: str, root: Path = ROOT) -> str:
    """Raises SystemExit with a sentence where the tag, the package and the changelog do not say the same."""
    found = re.search(
        r'^__version__ = "(.+)"$', (root / "tinyprune/__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    version = found[1] if found else ""
    if tag != f"v{version}":
        raise SystemExit(
            f"the tag is {tag}, but tinyprune/__init__.py says {version}: set __version__, or tag v{version}"
        )
    if left := sorted(path.name for path in (root / "changes").glob("*.*.md")):
        raise SystemExit(f"changes/ has {', '.join(left)}: `towncrier build` moves them into CHANGELOG.md")
    parts = re.split(r"^## ", (root / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    heads = {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in parts}
    head = next((head for head in heads if head.split()[0] == version), None)
    if head is None or not re.fullmatch(r"\S+ \(\d{4}-\d\d-\d\d\)", head):
        raise SystemExit(f'CHANGELOG.md has no heading "## {version} (YYYY-MM-DD)": `towncrier build` makes it')
    return heads[head] + "\n"


if __name__ == "__main__":
    print(notes(*sys.argv[1:]), end="")
