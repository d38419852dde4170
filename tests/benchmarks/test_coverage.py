"""The benchmark of other people's models."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import coverage
from tests import networks
from tests.tflite_models import Input, Pool, model
from tinyprune.compiler.operators import page

pytestmark = pytest.mark.compiler


def wide() -> bytes:
    """A map that is larger than the RAM of a Nano 33, and little to compute."""
    return model(Input((400, 400, 2), 0.1, 0), [Pool(kernel=(400, 400), stride=(400, 400))])


@pytest.mark.emulator
@pytest.mark.tflm
def test_every_file_is_tried_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, written = tmp_path / "models", tmp_path / "operators.md"
    (folder / "more").mkdir(parents=True)
    (folder / "small.tflite").write_bytes(networks.every_operator())
    (folder / "more/wide.tflite").write_bytes(wide())
    (folder / "a|b`.tflite").write_bytes(networks.every_operator()[:300])
    written.write_text(f"old\n\n{page.MODELS}\n\nold\n")
    monkeypatch.setattr(coverage, "PAGE", written)
    done = CliRunner().invoke(
        coverage.main, [str(folder), "--inputs", "2", "--docs", "--json", str(tmp_path / "x.json")]
    )
    assert done.exit_code == 0, done.output
    text = written.read_text()
    assert text.startswith(page.page() + f"\n{page.MODELS}\n\n3 files from public repositories.")
    assert "| int8 inside | 2 | 2 (100 %) | 1 | 0 |" in text
    assert "| damaged | 1 | 0 (0 %) | 0 | 1 |" in text
    assert "| `small.tflite` | nano33 | 2 inputs |" in text
    assert "| `wide.tflite` | host | 2 inputs |" in text
    assert "a|b" not in text.replace("a/b", "")
    assert (tmp_path / "x.json").exists()


def test_what_a_file_holds() -> None:
    assert coverage.kind_of(networks.every_operator()) == "int8 inside"
    assert coverage.kind_of(b"TFL3" * 4) == "damaged"
