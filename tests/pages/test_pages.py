"""Pages of real and of hostile reports: valid, self-contained, escaped, and shown by a browser without an error."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import html5lib
import pytest
from jsonschema import Draft202012Validator

from tests import networks
from tinyprune import pages
from tinyprune.errors import DataError
from tinyprune.measure import schema
from tinyprune.measure.agreement import Agreement, ClassAgreement
from tinyprune.measure.audio_report import AudioReport, Heard
from tinyprune.measure.hearing_rule import Point
from tinyprune.measure.quantize_report import LayerFigures, QuantizeFigures
from tinyprune.measure.schema import Report
from tinyprune.measure.streams import Tally
from tinyprune.measure.sweep_report import SweepPoint, SweepReport, recommended
from tinyprune.measure.train_report import TrainReport
from tinyprune.sound.detector import Rule

HERE = Path(__file__).parent
OLD = sorted((HERE / "reports").glob("*.json"))
HOSTILE = '</svg></style><script>alert("x")</script><img src=x onerror=alert(1)>&amp; $\\frac{x}$ 層 \x1b[2J\x00'
LISTED = set(
    re.findall(r'"(\w+)"', "".join(re.findall(r'"enum": \[[^]]*\]', "".join(map(schema.text, schema.VERSIONS)))))
)
KINDS = ["build", "check", "refused", "bench", "prune", "quantize", "audio", "streams", "sweep", "train"]
HEARD = tuple(
    Heard(f"{word}/{number}.wav", 1.0, word, word == label, label, 0.9, label, ())
    for number, (word, label) in enumerate([("yes", "yes"), ("yes", "yes"), ("yes", "no"), ("no", "no"), ("no", "up")])
)
AUDIO = AudioReport(
    "nano33", "emulator sim", "ab" * 32, ("yes", "no", "up"), 5, HEARD, 5, 60.0, None, 5, 4, "modelled", 9.0, 9.0, 9.0,
    True, None, (),
)  # fmt: skip
TALLIES = (Tally("music", 90.0, 0, 0, 2, 80.0), Tally("words", 60.0, 10, 9, 0, 0.0))
QUANTIZED = QuantizeFigures(
    "net.keras",
    "net.tflite",
    (LayerFigures("conv", 31.25, 0.04, 0.001), LayerFigures("dense", None, 0.0, 0.0)),
    None,
    ("two classes are never answered",),
    Agreement(40, 38, 36, 35, (ClassAgreement(0, 20, 19, 18, 17), ClassAgreement(3, 20, 19, 18, 18))),
)
TRAINED = TrainReport(
    Path("words/net.tflite"), ("silence", "yes"), {"silence": 40, "yes": 50}, {"silence": 4, "yes": 6},
    3, 90.0, 9.5, 83.3, 12.0, 91.0, 92.0, ((4, 0), (1, 5)), Rule(), TALLIES, ("cut 2 long files",), ("one speaker",),
)  # fmt: skip
CURVE = tuple(
    Point(threshold, (*TALLIES, Tally("dog, left out", 36.0, 0, 0, alarms, 100.0 * alarms)))
    for threshold, alarms in ((0.6, 3), (0.9, 1))
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What `--json` prints: of a pruned network built, checked and run, and of a file that is none."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "text.tflite").write_bytes(b"no model")
    (folder / "net.tflite").write_bytes(networks.ds_cnn(pruned=False))
    commands = {
        "build": "build --board nano33 -o out",
        "check": "check ds-cnn-s-dense",
        "refused": "check text.tflite",
        "bench": "bench --board nano33 --build out --count 2",
        "prune": "prune net.tflite --pattern 2:4 -o pruned.tflite",
    }
    made = {
        "quantize": QUANTIZED,
        "audio": AUDIO,
        "streams": replace(AUDIO, streams=TALLIES, curve=CURVE),
        "sweep": _sweep(),
        "train": replace(TRAINED, curve=CURVE),
    }
    printed = {kind: _printed(folder, command) for kind, command in commands.items()}
    return printed | {kind: report.to_json() for kind, report in made.items()}


def _sweep(labelled: bool = True) -> SweepReport:
    patterns = {HOSTILE: "2:4", "dense": "dense"}
    points = (
        SweepPoint(number, HOSTILE, patterns, 0.5 + number / 10, 1000 * (number + 1), 9, 9, number != 3, number < 2)
        for number in range(4)
    )
    return recommended(SweepReport("nano33", labelled, tuple(points), judged=100))


def _printed(folder: Path, command: str) -> str:
    words = [sys.executable, "-m", "tinyprune", *command.split(), "--json", "-q"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def report(reports: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path) -> Report:
    """Of the kind that the test names, read back."""
    path = tmp_path / "report.json"
    path.write_text(reports[request.param], encoding="utf-8")
    return schema.read(path)


def _hostile(value: object) -> object:
    """A report with every text of it replaced, but for those that the schemas list."""
    if isinstance(value, dict):
        return {key: each if key in ("schema", "weights_corner") else _hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_hostile(each) for each in value]
    return HOSTILE if isinstance(value, str) and value not in LISTED else value


def _parsed(page: str) -> list[tuple[str, dict[str, str]]]:
    """Every element with its attributes; fails where the page is not valid HTML."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    elements = [(str(each.tag), dict(each.attrib)) for each in tree.iter() if isinstance(each.tag, str)]
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    return elements


def _check_alone(elements: list[tuple[str, dict[str, str]]]) -> None:
    """No script, nothing to fetch."""
    assert not {"script", "iframe", "object", "embed", "link"} & {tag.rpartition("}")[2] for tag, _ in elements}
    for _, attributes in elements:
        for name, value in attributes.items():
            assert not name.lower().startswith("on"), (name, value)
            if name.endswith(("href", "src")):
                assert value.startswith(("#", "data:image/png;base64,")), value


@pytest.mark.compiler
@pytest.mark.emulator
def test_real_reports_follow_the_schema_that_is_shipped(reports: dict[str, str]) -> None:
    for text in reports.values():
        found = json.loads(text)
        Draft202012Validator(json.loads((schema.FOLDER / f"{found['schema']}.json").read_text())).validate(found)


@pytest.mark.parametrize("version", schema.VERSIONS)
def test_the_schema_is_that_of_the_code_and_every_field_is_explained(version: str) -> None:
    text = (schema.FOLDER / f"{version}.json").read_text(encoding="utf-8")
    assert text == schema.text(version)
    explained = (HERE.parents[1] / "docs/reports.md").read_text(encoding="utf-8")
    found = json.loads(text)
    for shape in (found, *found["$defs"].values()):
        for field in shape["properties"]:
            assert f"`{field}`" in explained, field


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_reports_of_older_versions_open(path: Path, tmp_path: Path) -> None:
    found = schema.read(path)
    assert "schema" not in path.read_text(encoding="utf-8")
    pages.write(found, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    _check_alone(_parsed(page))
    assert "outputs are bit-identical to TFLite Micro" in page
    kind = schema.VERSIONS[found.schema]
    known = json.loads((schema.FOLDER / f"{found.schema}.json").read_text())
    assert kind is type(found)
    Draft202012Validator(known).validate(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("report", KINDS, indirect=True)
def test_a_page_is_valid_and_alone(report: Report) -> None:
    _check_alone(_parsed(pages.make(report)))


@pytest.mark.compiler
@pytest.mark.emulator
def test_a_page_tells_what_the_report_does(reports: dict[str, str], tmp_path: Path) -> None:
    found = json.loads(reports["build"])
    (tmp_path / "r.json").write_text(reports["build"], encoding="utf-8")
    page = pages.make(schema.read(tmp_path / "r.json"))
    assert page.index("OK  fits nano33") < page.index("Cycles by layer")
    assert f"{found['flash_bytes']:,} of {found['flash_bytes_available']:,} B" in page
    for layer in found["layers"]:
        assert f"<title>{layer['name']}, as it is: {layer['modelled_cycles']:,} cycles</title>" in page
        if layer["dense_cycles_ratio"] is not None:
            dense = f"{layer['modelled_cycles'] * layer['dense_cycles_ratio']:,.0f}"
            assert f"<title>{layer['name']}, dense (estimated): {dense} cycles</title>" in page
        if layer["cmsis_nn_cycles"] is not None:
            peer = f"CMSIS-NN, dense (modelled): {layer['cmsis_nn_cycles']:,} cycles"
            assert f"<title>{layer['name']}, {peer}</title>" in page
        if layer["constant_bytes"]:
            assert f"<title>{layer['name']}: {layer['constant_bytes']:,} bytes, " in page
    for resident in found["arena_map"]:
        last = resident["offset"] + resident["size_bytes"] - 1
        assert f"bytes {resident['offset']:,} to {last:,} ({resident['size_bytes']:,})" in page
    assert "tinyprune flash --board nano33" in page
    assert any(layer["cmsis_nn_cycles"] for layer in found["layers"])
    assert "Error by layer" not in page
    quantized = json.dumps(found | {"layer_errors": [asdict(layer) for layer in QUANTIZED.layers]})
    (tmp_path / "r.json").write_text(quantized, encoding="utf-8")
    assert "<title>conv, SQNR: 31 dB</title>" in pages.make(schema.read(tmp_path / "r.json"))


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("kind", KINDS)
def test_text_of_strangers_stays_text(reports: dict[str, str], kind: str, tmp_path: Path) -> None:
    (tmp_path / "hostile.json").write_text(json.dumps(_hostile(json.loads(reports[kind]))), encoding="utf-8")
    page = pages.make(schema.read(tmp_path / "hostile.json"))
    elements = _parsed(page)
    _check_alone(elements)
    assert not [attributes for tag, attributes in elements if tag == "img"]
    assert "alert" in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)
    assert page.count("<style>") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "must be one JSON object"),
        ("{}", "not a report of a kind that is known here"),
        ('{"schema": "build-2"}', "update tinyprune"),
        ('{"schema": ["build-1"]}', "not a report of a kind"),
        ('{"schema": "build-1", "board": 3}', "board: Input should be a valid string"),
        ('{"image": 1}', "and 2[0-9] more"),
    ],
)
def test_what_is_no_report_is_told(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        schema.read(tmp_path / "r.json")


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("report", ["build"], indirect=True)
def test_a_large_network_gets_a_page_of_bounded_size(report: Report) -> None:
    assert isinstance(report, schema.BuildReport)
    layers = tuple(replace(report.layers[0], name=f"conv_{number}") for number in range(400))
    page = pages.make(replace(report, layers=layers))
    _check_alone(_parsed(page))
    assert len(page) < 1_000_000


@pytest.mark.parametrize("labelled", [True, False])
def test_a_sweep_shows_its_front_and_the_patterns_under_the_pointer(labelled: bool) -> None:
    page = pages.make(_sweep(labelled))
    elements = _parsed(page)
    _check_alone(elements)
    assert "4, 3 within limits, 2 on the Pareto front" in page
    assert "TAKE  trial 2: the best of 3 within the limits; 3,000 cycles" in page
    assert ("60.00% right" if labelled else "0.6 dB of dense") in page
    assert page.count("<title>trial ") == 4
    assert "2:4, dense dense</title>" in page
    _check_alone(_parsed(pages.make(SweepReport("nano33", labelled, ()))))


def test_what_was_taken_for_what_is_shown() -> None:
    page = pages.make(AUDIO)
    assert "OK  60.00 % of 5 recordings recognized" in page
    assert "<title>yes, taken for yes: 2 of 3 (66.7%)</title>" in page
    assert "<title>yes, taken for no: 1 of 3 (33.3%)</title>" in page
    assert "<title>no, taken for up: 1 of 2 (50.0%)</title>" in page
    assert "yes/2.wav" in page
    assert "yes/1.wav" not in page
    page = pages.make(replace(AUDIO, streams=TALLIES, curve=CURVE))
    assert "OK  9 of 10 words recognized, 2 false alarms in 2.5 minutes" in page
    assert "<title>music, false alarms: 80 an hour</title>" in page
    assert "<title>sounds, threshold 0.6</title>" in page
    assert "<title>kinds left out of training, threshold 0.9</title>" in page
    assert page.count("<title>kinds left out of training, threshold") == 2


def test_what_was_trained_is_shown() -> None:
    page = pages.make(TRAINED)
    assert "TRAINED  90.0 ± 9.5 % of 10 clips held out" in page
    assert "<title>yes, taken for silence: 1 of 6 (16.7%)</title>" in page
    assert page.index("one speaker") < page.index("cut 2 long files")
    assert "tinyprune build --board BOARD --audio --model words/net.tflite" in page


def test_what_int8_costs_is_shown() -> None:
    page = pages.make(QUANTIZED)
    assert "87.50% of 40 samples right (float 90.00%), the same class as float for 95.00%" in page
    assert "<title>conv, SQNR: 31 dB</title>" in page
    assert "<title>class 0, int8 right: 85 per cent of the samples</title>" in page
    assert "conv, 31.2 dB" in page
    assert "two classes are never answered" in page


@pytest.mark.parametrize("report", ["prune"], indirect=True)
def test_what_became_of_each_layer_is_shown(report: Report) -> None:
    assert isinstance(report, schema.PruneFigures)
    page = pages.make(report)
    assert page.index("PRUNED  ") < page.index("Weights by layer") < page.index("Sparsity by layer")
    for layer in report.layers:
        assert f"<title>{layer.name}, kept: {layer.weights - layer.zeros:,} weights</title>" in page
        assert (layer.reason if layer.pruned else f"not pruned: {layer.reason}") in page
    assert "can cost most of the accuracy" in page
    assert "tinyprune check pruned.tflite" in page


# In a browser


def _browse(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--hide-scrollbars",
        "--window-size=1100,2600", profile, *options, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


@pytest.mark.browser
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("report", KINDS, indirect=True)
def test_a_browser_shows_it_without_an_error(report: Report, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    pages.write(report, page)
    shown = _browse(page, "--dump-dom")
    assert "CONSOLE" not in shown.stderr
    assert "Made by tinyprune" in shown.stdout


@pytest.mark.browser
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("report", ["build"], indirect=True)
def test_it_is_light_or_dark_as_the_reader_wants(report: Report, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    pages.write(report, page)
    light, dark = (_mean(page, scheme) for scheme in (1, 0))
    assert light > 0.8
    assert dark < 0.35


@pytest.mark.browser
def test_an_error_in_a_page_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!DOCTYPE html><title>x</title><script>throw new Error('here')</script>")
    assert "CONSOLE" in _browse(tmp_path / "page.html", "--dump-dom").stderr


def _mean(page: Path, scheme: int) -> float:
    """How light the page is on a screen, 0 to 1; it must not be of one colour."""
    from matplotlib import image

    picture = page.with_suffix(f".{scheme}.png")
    _browse(page, f"--screenshot={picture}", f"--blink-settings=preferredColorScheme={scheme}")
    pixels = image.imread(picture)[..., :3]
    assert pixels.std() > 0.01
    return float(pixels.mean())
