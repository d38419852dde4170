"""`tinyprune build --runtime`: what is refused before anything slow starts."""

import pytest

from tests.tasks.conftest import Run


@pytest.mark.compiler
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runtime", "tfml"], 'unknown runtime "tfml"; known: aot, tflm'),
        (["--tflm-root", "here"], "--tflm-root goes with --runtime tflm"),
        (["--runtime", "tflm", "--project", "cmake"], "has one project and one compiler"),
        (["--runtime", "tflm", "--compiler", "zig"], "has one project and one compiler"),
        (["--runtime", "tflm"], "give --tflm-root, or set TFLM_ROOT"),
        (["--runtime", "tflm", "--tflm-root", "here"], "is no tree of TFLite Micro: it has no tensorflow"),
    ],
)
def test_refused(run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str) -> None:
    monkeypatch.delenv("TFLM_ROOT", raising=False)
    code, out, err = run("build", "--board", "nano33", *arguments)
    assert code == 2
    assert message in " ".join(err.split())
    assert out == ""
