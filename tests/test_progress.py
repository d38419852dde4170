"""progress.py is the one place that says what progress callbacks take."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = ROOT / "tinyprune" / "progress.py"
OTHERS = {*ROOT.glob("tinyprune/**/*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("examples/**/*.py")} - {HOME}


def aliases(tree: ast.Module) -> dict[str, str]:
    """The names that a module gives to expressions, by the expression's source."""
    given = ((node.value, node.targets[0]) for node in tree.body if isinstance(node, ast.Assign))
    return {ast.unparse(value): name.id for value, name in given if isinstance(name, ast.Name)}


def spelled_out(path: Path, kinds: frozenset[str]) -> Iterator[str]:
    """Where a file says itself what such a callback takes: as an alias, or at a parameter."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from (f"{path}: {name}" for kind, name in aliases(tree).items() if kind in kinds)
    parameters = (node for node in ast.walk(tree) if isinstance(node, ast.arg) and node.arg in ("progress", "done"))
    for each in parameters:
        if each.annotation and ast.unparse(each.annotation).removesuffix(" | None") in kinds:
            yield f"{path}:{each.lineno}: {each.arg}"


def test_no_other_module_spells_out_what_progress_callbacks_take():
    kinds = aliases(ast.parse(HOME.read_text(encoding="utf-8")))
    assert sorted(kinds.values()) == ["BytesProgress", "CountProgress", "Progress"]
    assert len(OTHERS) > 100
    assert not [place for path in sorted(OTHERS) for place in spelled_out(path, frozenset(kinds))]
