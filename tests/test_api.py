"""The Python API: which names are public, what they cost to import, and that they do what the commands do."""

import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import serial

import tinyprune
from tests import networks
from tinyprune import cli, errors
from tinyprune.errors import TinypruneError

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/python-api.md").read_text(encoding="utf-8")

FUNCTIONS = [
    "audio", "bench", "board", "boards", "build", "check", "doctor", "emulate", "fetch_data", "flash", "init_ci",
    "page", "prune", "quantize", "sweep", "train", "zoo",
]  # fmt: skip
TYPES = [
    "AudioReport", "Bench", "BenchReport", "Board", "BuildReport", "BytesProgress", "CheckReport", "CiReport",
    "CountProgress",
    "DataError", "Diagnosis", "Disconnected", "DoesNotFit", "Emulated", "MemoryExceeded", "FlashReport", "Interrupted",
    "MissingDependency", "ModelError", "Obstacle", "Progress", "PruneReport", "QuantizeReport", "Restarted",
    "SweepPoint", "SweepReport", "TargetError", "TinypruneError", "TrainReport", "UsageError", "WrongModel", "ZooEntry",
]  # fmt: skip
#: Slow to import; `import tinyprune` and `tinyprune --help` do without.
HEAVY = {"flatbuffers", "jinja2", "keras", "numpy", "rich", "serial", "tensorflow", "tf_keras", "unicorn"}

#: Parameters of commands that are about the terminal, or a choice that functions have no need for.
TERMINAL = {"as_json", "html", "pty", "quiet", "verbose"}
RENAMED = {
    "max_loss": "max_loss_points",
    "accuracy_tolerance": "accuracy_tolerance_points",
    "board_name": "board",
    "board_names": "boards",
    "gain": "gain_db",
    "gate": "gate_db",
    "max_flash": "max_flash_bytes",
    "max_ram": "max_ram_bytes",
    "no_clock": "clock",
    "no_run": "run",
    "tolerance": "tolerance_percent",
}
VERBS = {
    **{
        name: name
        for name in ("audio", "bench", "build", "check", "emulate", "flash", "page", "prune", "quantize", "sweep")
    },
    "train": "train",
    "init-ci": "init_ci",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model.tflite`, every operator; `dense.keras`, and `x.npy`, inputs for it."""
    from tf_keras import Sequential, layers, utils

    folder = tmp_path_factory.mktemp("api")
    (folder / "model.tflite").write_bytes(networks.every_operator())
    utils.set_random_seed(0)
    network = Sequential(
        [layers.Input((8, 6, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(4)]
    )
    network.save(folder / "dense.keras")
    np.save(folder / "x.npy", np.random.default_rng(1).normal(size=(40, 8, 6, 1)).astype(np.float32))
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def test_the_public_names_are_these() -> None:
    names = sorted([*FUNCTIONS, *TYPES, "__version__"])
    assert tinyprune.__all__ == names
    assert dir(tinyprune) == names
    with pytest.raises(AttributeError, match="module 'tinyprune' has no attribute 'bild'"):
        tinyprune.bild  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize("name", TYPES)
def test_types_are_what_they_are_called(name: str) -> None:
    found = getattr(tinyprune, name)
    assert getattr(found, "__name__", name) in (name, "Callable")
    assert inspect.isclass(found) == (not name.endswith("Progress"))


def test_all_errors_are_public() -> None:
    classes = [each for each in vars(errors).values() if inspect.isclass(each)]
    known = {each.__name__ for each in classes if issubclass(each, TinypruneError)}
    assert len(known) == 12
    assert known <= set(TYPES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_typed_and_documented_and_options_have_names(name: str) -> None:
    function = getattr(tinyprune, name)
    signature = inspect.signature(function)
    parameters = signature.parameters.values()
    assert function.__doc__
    assert signature.return_annotation is not inspect.Signature.empty
    assert not [each.name for each in parameters if each.annotation is inspect.Parameter.empty]
    optional = {each.name for each in parameters if each.default is not inspect.Parameter.empty}
    positional = {each.name for each in parameters if each.kind is not inspect.Parameter.KEYWORD_ONLY}
    assert optional & positional <= ({"model"} if name == "build" else set())
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("command", VERBS)
def test_functions_take_what_their_commands_take(command: str) -> None:
    given = {str(each.name) for each in cli.cli.commands[command].params if each.expose_value} - TERMINAL
    taken = set(inspect.signature(getattr(tinyprune, VERBS[command])).parameters) - {"progress", "done"}
    assert taken == {RENAMED.get(name, name) for name in given}


def test_every_command_has_its_function() -> None:
    data = cli.cli.commands["data"]
    assert isinstance(data, click.Group)
    assert set(data.commands) == {"fetch"}
    # two of them are for a person at a terminal
    assert set(cli.cli.commands) - {"data", "monitor", "record"} == set(VERBS) | {"boards", "doctor", "zoo"}


@pytest.mark.parametrize("code", ["import tinyprune", "from tinyprune import TinypruneError", "import tinyprune.cli"])
def test_nothing_heavy_is_imported_until_it_is_needed(code: str) -> None:
    heavy = HEAVY if "cli" in code else HEAVY | {"click"}
    script = f"{code}; import sys; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.compiler
@pytest.mark.emulator
def test_a_build_is_run_and_emulated_with_arrays(here: Path) -> None:
    stages: list[str] = []
    report = tinyprune.build("model.tflite", board="nano33", output=here / "out", progress=stages.append)
    assert isinstance(report, tinyprune.BuildReport)
    assert (report.bit_exact, report.board) == (True, "nano33")
    assert "reading the model and choosing kernels" in stages
    inputs = np.random.default_rng(0).integers(-128, 128, (3, 11, 10, 1)).astype(np.int8)
    bench = tinyprune.bench(tinyprune.board("nano33"), output=here / "out", inputs=inputs)
    assert (bench.report.bit_exact, bench.report.inputs) == (True, 3)
    np.save(here / "inputs.npy", inputs)
    assert tinyprune.bench("nano33", output="out", inputs="inputs.npy").report.inputs_equal == 3
    with tinyprune.emulate("nano33", output="out", tcp=("127.0.0.1", 0)) as emulated:
        again = tinyprune.bench("nano33", output="out", port=emulated.device, count=2)
        with serial.serial_for_url(emulated.device, timeout=10) as port:
            port.write(b"name%")
            assert b"m-ready" in port.read_until(b"m-ready\r\n")
    assert (emulated.emulator, again.report.bit_exact) == ("sim", True)
    assert isinstance(emulated, tinyprune.Emulated)
    with pytest.raises(tinyprune.DataError, match=r"^the array: an array of shape \[samples, 11, 10, 1\] is needed"):
        tinyprune.bench("nano33", output="out", inputs=inputs[:, :5])
    with pytest.raises(tinyprune.UsageError, match='the network has no input "y"'):
        tinyprune.bench("nano33", output="out", inputs={"y": inputs})


def test_what_ends_in_an_emulator_is_raised_at_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from contextlib import contextmanager

    from tinyprune.tasks import emulate

    def serve(*_: Any) -> None:
        raise tinyprune.TargetError("the firmware ended")

    @contextmanager
    def booted(_request: emulate.EmulateRequest) -> Iterator[tuple[None, None, tinyprune.Emulated]]:
        yield None, None, tinyprune.Emulated("pty", "sim", "modelled")

    monkeypatch.setattr(emulate, "serve", serve)
    monkeypatch.setattr(emulate, "_booted", booted)
    with pytest.raises(tinyprune.TargetError, match="the firmware ended"), tinyprune.emulate("host", output=tmp_path):
        pass
    with pytest.raises(ZeroDivisionError), tinyprune.emulate("host", output=tmp_path):
        raise ZeroDivisionError


def test_ctrl_c_passes_through_tasks_that_report_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from tinyprune.tasks import audio, bench

    cut = SimpleNamespace(error="interrupted")
    monkeypatch.setattr(bench, "run_bench", lambda *_: SimpleNamespace(report=cut))
    monkeypatch.setattr(audio, "run_audio", lambda *_: cut)
    with pytest.raises(KeyboardInterrupt):
        tinyprune.bench("nano33")
    with pytest.raises(KeyboardInterrupt):
        tinyprune.audio("nano33", "yes.wav")
    cut.error = "the board went away"
    assert tinyprune.audio("nano33", "yes.wav").error == cut.error


def test_keras_models_in_memory_are_pruned_and_quantized(here: Path) -> None:
    from tf_keras.models import load_model

    dense, samples = load_model("dense.keras"), np.load("x.npy")
    before = [weight.copy() for weight in dense.get_weights()]
    pruned = tinyprune.prune(dense, "2:4", data=samples, method="reconstruct")
    assert (pruned.output, [layer.pruned for layer in pruned.layers]) == (None, [True, True])
    assert (pruned.model.layers[-1].kernel.numpy() == 0).mean() >= 0.5
    assert all((old == new).all() for old, new in zip(before, dense.get_weights(), strict=True))
    small = tinyprune.quantize(pruned.model, samples, output="small.tflite")
    assert small.tflite == Path("small.tflite").read_bytes()
    assert all(layer.sqnr_db > 20 for layer in small.layers)
    again = tinyprune.quantize(here / "dense.keras", "x.npy", ranges="extremes")
    assert again.output is None
    labels = dense.predict(samples, verbose=0).argmax(axis=1)
    options: dict[str, Any] = {"data": samples, "labels": labels, "method": "magnitude"}
    trained = tinyprune.prune(dense, "2:4", **options, epochs=1, output="trained.keras")
    assert trained.held_out is not None
    assert trained.held_out.samples == 4
    assert (load_model("trained.keras").get_weights()[2] == trained.model.get_weights()[2]).all()
    assert all((old == new).all() for old, new in zip(before, dense.get_weights(), strict=True))
    with pytest.raises(tinyprune.UsageError, match="--labels go with -o"):
        tinyprune.prune(dense, "2:4", **options)
    with pytest.raises(
        tinyprune.UsageError, match=r"a Keras or PyTorch model or the path of its file is needed, not 2"
    ):
        tinyprune.quantize(2, samples)  # type: ignore[arg-type]


def test_boards_and_networks_are_listed() -> None:
    assert tinyprune.board("nano33") in tinyprune.boards()
    assert tinyprune.board(ROOT / "boards/nano33.toml") == tinyprune.board("nano33")
    assert "ds-cnn-s-2x4" in [entry.name for entry in tinyprune.zoo()]


def test_doctor_looks_and_init_ci_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyprune.tasks import doctor

    monkeypatch.setattr(doctor, "compilers", list)
    found = tinyprune.doctor()
    assert isinstance(found, tinyprune.Diagnosis)
    assert found.tinyprune == tinyprune.__version__
    written = tinyprune.init_ci(["nano33", tinyprune.board("nano33")], folder=tmp_path)
    assert written.workflow.is_file()
    assert written.targets[0] == ("nano33", "sim")


MISTAKES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "unknown board": (lambda: tinyprune.build(board="nano3"), ["build", "--board", "nano3"]),
    "no board file": (lambda: tinyprune.board("no.toml"), ["boards", "show", "no.toml"]),
    "no model": (lambda: tinyprune.build("no.h5", board="host"), ["build", "--board", "host", "--model", "no.h5"]),
    "does not fit": (
        lambda: tinyprune.build("ds-cnn-l-dense", board="microbit-v1", run=False),
        ["build", "--board", "microbit-v1", "--model", "ds-cnn-l-dense", "--no-run", "-q"],
    ),
    "no build": (lambda: tinyprune.bench("nano33"), ["bench", "--board", "nano33"]),
    "two sources": (
        lambda: tinyprune.bench("nano33", inputs="x.npy", samples="."),
        ["bench", "--board", "nano33", "--inputs", "x.npy", "--samples", "."],
    ),
    "no inputs": (
        lambda: tinyprune.bench("nano33", inputs="no.npy"),
        ["bench", "--board", "nano33", "--inputs", "no.npy"],
    ),
    "nothing to emulate": (lambda: tinyprune.emulate("host").__enter__(), ["emulate", "--board", "host", "--pty"]),
    "flash": (lambda: tinyprune.flash("host"), ["flash", "--board", "host"]),
    "recordings": (lambda: tinyprune.audio("nano33", "no.wav"), ["audio", "--board", "nano33", "no.wav"]),
    "epochs": (
        lambda: tinyprune.prune("dense.keras", "2:4", output="a.keras", epochs=2),
        ["prune", "dense.keras", "--pattern", "2:4", "-o", "a.keras", "--epochs", "2"],
    ),
    "pattern": (
        lambda: tinyprune.prune("dense.keras", "5:4", output="a.keras"),
        ["prune", "dense.keras", "--pattern", "5:4", "-o", "a.keras"],
    ),
    "samples": (
        lambda: tinyprune.quantize("dense.keras", "no.npy", output="a.tflite"),
        ["quantize", "dense.keras", "--calibration", "no.npy", "-o", "a.tflite"],
    ),
    "sweep": (
        lambda: tinyprune.sweep("no.keras", board="nano33", data="x.npy"),
        ["sweep", "no.keras", "--board", "nano33", "--data", "x.npy"],
    ),
    "workflow": (
        lambda: tinyprune.init_ci("nano33", folder="missing"),
        ["init-ci", "--board", "nano33", "--folder", "missing"],
    ),
    "checksum": (
        lambda: tinyprune.fetch_data("sc", url="http://localhost/a.tar.gz"),
        ["data", "fetch", "sc", "--url", "http://localhost/a.tar.gz"],
    ),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_errors_are_those_of_the_command_line(
    mistake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call, arguments = MISTAKES[mistake]
    with pytest.raises(TinypruneError) as raised:
        call()
    monkeypatch.setattr(sys, "argv", ["tinyprune", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    shown = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("…")]
    assert shown == [f"error: {raised.value}"]
    assert stopped.value.code == raised.value.exit_code


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "count": (lambda: tinyprune.bench("nano33", count=0), "--count 0: 1 is the least"),
    "NaN": (lambda: tinyprune.flash("nano33", timeout_s=float("nan")), "--timeout nan: 0 is the least"),
    "split": (lambda: tinyprune.audio("nano33", ".", split="all"), "unknown --split .all.; known: train, validation"),  # type: ignore[arg-type]
    "optimize": (
        lambda: tinyprune.build(board="host", optimize="x"),  # type: ignore[arg-type]
        "unknown --optimize .x.; known: speed, size, ram",
    ),
    "ranges": (lambda: tinyprune.quantize("a.h5", "x.npy", ranges="x"), "unknown --ranges"),  # type: ignore[arg-type]
    "method": (lambda: tinyprune.prune("a.h5", "2:4", method="x"), "unknown --method"),  # type: ignore[arg-type]
    "trials": (lambda: tinyprune.sweep([], board="host", data="x.npy", trials=0), "--trials 0: 1 is the least"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_click_would_refuse_is_refused(case: str) -> None:
    call, sentence = REFUSED[case]
    with pytest.raises(tinyprune.UsageError, match=sentence):
        call()


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.usefixtures("here")
def test_the_examples_of_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other, as in a notebook."""
    names: dict[str, Any] = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) >= 5
    for example in examples:
        exec(compile(example, "docs/python-api.md", "exec"), names)
    assert 'unknown board "nano3" (did you mean "nano33"?)' in capsys.readouterr().out
