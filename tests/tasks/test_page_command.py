"""Pages as a user gets them: `tinyprune page`, and `--html` of other commands."""

import json
from pathlib import Path

import pytest

from tests.tasks.conftest import Run
from tinyprune import pages
from tinyprune.errors import UsageError
from tinyprune.measure import schema

OLD = Path(__file__).parents[1] / "pages/reports/build-before-schemas.json"


def test_files_that_cannot_be_read_or_written_are_told(run: Run) -> None:
    Path("bytes.json").write_bytes(b"\xff\xfe")
    Path("folder").mkdir()
    for words, code, told in (
        (("page", "bytes.json"), 1, "bytes.json is not text"),
        (("page", "no.json"), 2, "no.json: cannot read the report"),
        (("page", str(OLD), "-o", "folder"), 2, "folder is a folder; name a file for the page"),
        (("check", "ds-cnn-s-2x4", "--html", "folder"), 2, "folder is a folder"),
    ):
        found, _, err = run(*words)
        assert (found, told in err) == (code, True), err
    with pytest.raises(UsageError, match="is a file"):
        pages.write(schema.read(OLD), OLD / "page.html")


def test_commands_write_pages(run: Run) -> None:
    code, out, _ = run("check", "ds-cnn-s-2x4", "--board", "nano33", "--html", "check.html", "--json")
    assert (code, json.loads(out)["schema"]) == (0, "check-1")
    assert "RUNS  ds-cnn-s-2x4 fits nano33" in Path("check.html").read_text(encoding="utf-8")
    code, out, _ = run("page", str(OLD), "-o", "old.html")
    assert (code, out) == (0, "written   old.html\n")
    assert "OK  fits nano33" in Path("old.html").read_text(encoding="utf-8")
