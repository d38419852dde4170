"""The command line as a user meets it: output, exit codes, and one clear sentence for each mistake."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tinyprune import cli
from tinyprune.device import boards

Run = Callable[..., tuple[int, str, str]]

#: What the issue tracker promises to scripts.
JSON_FIELDS = {
    "board", "model_sha256", "compiler", "fits", "flash_bytes", "ram_bytes", "stack_bytes", "weights_bytes",
    "weights_bytes_dense", "layers", "instructions", "modelled_cycles", "modelled_ms", "bit_exact",
    "inputs_compared", "accuracy",
}  # fmt: skip
JSON_LAYER_FIELDS = {"name", "op", "pattern", "zeros", "macs", "instructions", "modelled_cycles"}


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(networks.every_operator())
    return str(path)


@pytest.mark.compiler
@pytest.mark.emulator
def test_build_prints_the_verdict_first(run: Run, model: str) -> None:
    code, out, err = run("build", "--board", "nano33", "--model", model, "-v")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("OK  fits nano33")
    assert "ms an inference (modelled); 64 of 64 outputs are bit-identical" in lines[0]
    assert any(line.startswith("conv_2") and "2:4" in line and "50%" in line for line in lines)
    assert any(line.startswith("total") for line in lines)
    assert "modelled, not measured" in out
    assert "conv_2: tp_conv_2d_s8_exact_dsp (interleaved): weights are 2:4" in out
    assert re.search(r"^\d\d:\d\d:\d\d  compiling with ", err, re.MULTILINE)
    code, out, err = run("bench", "--board", "nano33", "-n", "2", "-q")
    assert (code, err) == (0, "")
    assert out.startswith("OK  2 of 2 outputs are bit-identical")


@pytest.mark.compiler
@pytest.mark.emulator
def test_json_is_one_object_with_the_promised_fields(run: Run, model: str) -> None:
    code, out, err = run("build", "--board", "nano33", "--model", model, "--optimize", "size", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert set(report) >= JSON_FIELDS
    assert all(set(layer) >= JSON_LAYER_FIELDS for layer in report["layers"])
    assert report["bit_exact"] is True
    assert report["fits"] is True
    assert report["weights_bytes"] < report["weights_bytes_dense"]
    code, out, _ = run("bench", "--board", "nano33", "--json")
    assert json.loads(out)["modelled_cycles"]["median"] > 0


@pytest.mark.compiler
def test_no_run_compares_nothing_and_says_so(run: Run, model: str) -> None:
    code, out, _ = run("build", "--board", "nano33", "--model", model, "--no-run", "-q")
    assert code == 0
    assert out.startswith("OK  fits nano33; not run, so its output was not compared")
    code, out, _ = run("build", "--board", "nano33", "--model", model, "--no-run", "--json")
    report = json.loads(out)
    assert (report["bit_exact"], report["inputs_compared"], report["modelled_cycles"]) == (False, 0, None)


MISTAKES = {
    "a chip for a board": (
        ["build", "--board", "STM32G474"],
        2,
        'unknown board "STM32G474" (boards of the family stm32g4: nucleo-g474re); `tinyprune boards` lists all',
    ),
    "nothing like it": (["build", "--board", "esp32"], 2, 'unknown board "esp32"; `tinyprune boards` lists all'),
    "unknown board": (["build", "--board", "nano3"], 2, 'unknown board "nano3" (did you mean "nano33"?)'),
    "no board": (["build"], 2, "Missing option '--board'"),
    "unknown command": (["biuld"], 2, "No such command 'biuld'"),
    "unknown option": (["build", "--board", "nano33", "--modle", "x"], 2, "No such option"),
    "where to look": (["build", "--runs", "x"], 2, "build --help`"),
    "no model file": (["build", "--board", "nano33", "--model", "no.tflite"], 2, "no.tflite: No such file"),
    "no calibration file": (
        ["build", "--board", "host", "--model", "k.h5", "--calibration", "no.npy"],
        2,
        "no.npy: No such file",
    ),
    "a folder": (["build", "--board", "host", "--model", "."], 2, ". is a folder without a SavedModel"),
    "a device": (["build", "--board", "host", "--model", "/dev/null"], 2, "/dev/null is not a regular file"),
    "an endless name": (
        ["build", "--board", "host", "--model", "tiny.tflite", "-o", "a" * 300],
        2,
        "File name too long",
    ),
    "the current folder": (
        ["build", "--board", "host", "--model", "tiny.tflite", "-o", "."],
        2,
        "must not be the current",
    ),
    "the folder above": (["build", "--board", "host", "--model", "tiny.tflite", "-o", ".."], 2, "must not hold the"),
    "the root": (["build", "--board", "host", "--model", "tiny.tflite", "-o", "/", "--force"], 2, "must not hold the"),
    "calibration for a .tflite": (
        ["build", "--board", "host", "--model", "tiny.tflite", "--calibration", "x.npy"],
        2,
        "--calibration goes with a float --model (.keras, .h5, SavedModel or float .tflite)",
    ),
    "Keras without calibration": (["build", "--board", "host", "--model", "k.h5"], 2, "give --calibration samples.npy"),
    "text": (["build", "--board", "nano33", "--model", "text.tflite"], 1, "text.tflite: not a .tflite file"),
    "truncated": (["build", "--board", "nano33", "--model", "cut.tflite"], 1, "damaged or truncated .tflite file"),
    "too large": (
        ["build", "--board", "nano33", "--model", "huge.tflite"],
        3,
        "too many); pruned 2:4 and with --optimize size, the weights that are dense now",
    ),
    "unknown compiler": (
        ["build", "--board", "nano33", "--compiler", "icc"],
        2,
        'unknown compiler "icc"; known: gcc, zig',
    ),
    "unknown project": (
        ["build", "--board", "nano33", "--project", "make"],
        2,
        'unknown project "make"; known: bare, arduino, platformio, cmake',
    ),
    "output is a file": (["build", "--board", "host", "--model", "tiny.tflite", "-o", "x.npy"], 2, "x.npy is a file"),
    "output below a file": (["build", "--board", "host", "--model", "tiny.tflite", "-o", "x.npy/a"], 2, "cannot write"),
    "output read-only": (["build", "--board", "host", "--model", "tiny.tflite", "-o", "/proc/x"], 2, "cannot write"),
    "no build to bench": (
        ["bench", "--board", "nano33"],
        2,
        "has no finished build; run `tinyprune build --board nano33",
    ),
    "a board and an emulator": (
        ["bench", "--board", "nano33", "--port", "x", "--emulator", "sim"],
        2,
        "--port and --emulator exclude each other",
    ),
    "inputs and samples": (
        ["bench", "--board", "nano33", "--inputs", "x.npy", "--samples", "."],
        2,
        "--inputs and --samples exclude each other",
    ),
    "no inputs": (["bench", "--board", "nano33", "--inputs", "no.npy"], 2, "no.npy: no such file or folder"),
    "no samples": (["bench", "--board", "nano33", "--samples", "no"], 2, "no: no such file or folder"),
    "no model to search": (
        ["sweep", "--board", "nano33", "no.h5", "--data", "x.npy"],
        2,
        "there is no model no.h5",
    ),
    "labels of nothing": (
        ["bench", "--board", "nano33", "--class-names", "a,b"],
        2,
        "--class-names goes with --samples",
    ),
    "a limit of nothing": (["bench", "--board", "nano33", "--limit", "3"], 2, "--limit goes with --samples"),
    "a split and a limit": (
        ["bench", "--board", "nano33", "--samples", ".", "--split", "test", "--limit", "3"],
        2,
        "--limit does not go with --split",
    ),
    "a recording that is not there": (["audio", "--board", "nano33", "no.wav"], 2, "no.wav: no such file"),
    "a table that is a folder": (["bench", "--board", "nano33", "--csv", "."], 2, ". is a folder; a file is needed"),
    "a history that is none": (
        ["bench", "--board", "nano33", "--history", "text.tflite"],
        2,
        "text.tflite is not a history of `tinyprune bench`",
    ),
    "a table nowhere": (["bench", "--board", "nano33", "--csv", "no/x.csv"], 2, "no/x.csv: there is no folder no"),
    "hardware without a port": (["bench", "--board", "nano33", "--hardware"], 2, "--hardware goes with --port"),
    "a name that is no word": (
        ["build", "--board", "nano33", "--model", "tiny.tflite", "--name", "a]b"],
        2,
        '--name "a]b" is no name for C: it must be 1 to 40 letters, digits and single "_" between them',
    ),
    "one of url and checksum": (["data", "fetch", "d", "--url", "http://x"], 2, "--url and --sha256 go together"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_a_sentence_and_an_exit_code(run: Run, tmp_path: Path, model: str, case: str) -> None:
    (tmp_path / "text.tflite").write_text("not a model at all")
    (tmp_path / "cut.tflite").write_bytes(Path(model).read_bytes()[:900])
    (tmp_path / "huge.tflite").write_bytes(networks.one_dense(1024, 1000))
    (tmp_path / "k.h5").write_bytes(b"")
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    before = sorted(tmp_path.rglob("*"))
    arguments, exit_code, message = MISTAKES[case]
    code, out, err = run(*arguments, "-q") if arguments[0] != "boards" else run(*arguments)
    assert message in " ".join(err.split())
    assert (code, out) == (exit_code, "")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_terminal_on_auto_needs_a_board(run: Run) -> None:
    code, _, err = run("monitor", "--port", "auto")
    assert (code, err) == (2, "error: say which port with --port, or which board with --board\n")


def test_json_errors_are_one_object_too(run: Run) -> None:
    code, out, err = run("build", "--board", "nano3", "--json")
    assert code == json.loads(out)["exit_code"] == 2
    assert 'did you mean "nano33"' in json.loads(out)["error"]
    assert err.startswith("error: ")


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((3, 5, 5, 1), np.int8), "an array of shape [samples, 11, 10, 1] is needed, not [3, 5, 5, 1]"),
        (np.zeros((2, 11, 10, 1), np.int32), "int8 or real values are needed, not int32"),
        (np.full((2, 11, 10, 1), np.nan), "sample 0 has NaN or infinity"),
    ],
)
@pytest.mark.compiler
def test_wrong_bench_inputs_are_refused(run: Run, model: str, samples: np.ndarray, message: str) -> None:
    np.save("in.npy", samples)
    assert run("build", "--board", "host", "--model", model, "--no-run", "-q")[0] == 0
    code, out, err = run("bench", "--board", "host", "--inputs", "in.npy", "-q")
    assert (code, out) == (1, "")
    assert message in err


@pytest.mark.compiler
@pytest.mark.emulator
def test_bench_keeps_compares_and_fails_on_what_is_worse(run: Run, model: str) -> None:
    assert run("build", "--board", "nano33", "--model", model, "--no-run", "-q")[0] == 0
    bench = ["bench", "--board", "nano33", "-q", "-n", "3", "--history", "h.jsonl"]
    code, out, err = run(*bench, "--csv", "table.csv", "--json")
    assert (code, err) == (0, "")
    Path("old.json").write_text(out)
    assert json.loads(out)["latency"]["clock"] == "modelled"
    assert len(Path("table.csv").read_text().splitlines()) == 4
    code, out, err = run(*bench, "--compare", "h.jsonl")
    assert (code, err) == (0, "")
    assert "ok     latency: " in out
    old = json.loads(Path("old.json").read_text())
    old["latency"]["median_us"] *= 0.9
    old["flash_bytes"] -= 1
    Path("old.json").write_text(json.dumps(old))
    code, out, err = run(*bench, "--compare", "old.json")
    assert (code, err) == (1, "error: worse than before: latency\n")
    assert "WORSE  latency: " in out
    assert run(*bench, "--compare", "old.json", "--tolerance", "20")[0] == 0
    code, out, err = run(*bench, "--compare", "old.json", "--json")
    new = json.loads(out)["latency"]["median_us"]
    latency = {"what": "latency", "old": old["latency"]["median_us"], "new": new, "worse": True}
    assert (code, json.loads(out)["changes"][0]) == (1, latency)
    code, out, err = run(*bench, "--compare", "none.json")
    assert (code, out) == (2, "")
    assert "none.json: cannot read the old benchmark" in err
    assert len(Path("h.jsonl").read_text().splitlines()) == 5


def test_boards_are_listed_and_explained(run: Run) -> None:
    code, out, _ = run("boards")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == boards.names()
    assert [board["name"] for board in json.loads(run("boards", "--json")[1])] == boards.names()
    code, out, _ = run("boards", "show", "nano33")
    assert code == 0
    assert "64 MHz" in out
    assert "Product Specification" in out
    assert json.loads(run("boards", "show", "nano33", "--json")[1])["flash"]["bytes"] == 983_040
    assert run("boards", "show", "nano")[0] == 2


def test_the_zoo_is_listed_without_tensorflow(run: Run) -> None:
    code, out, _ = run("zoo")
    assert code == 0
    assert "ds-cnn-s-2x4" in out
    entries = json.loads(run("zoo", "--json")[1])
    assert {entry["pattern"] for entry in entries} >= {"2:4", "dense"}
    assert all(entry["model_bytes"] > 40_000 for entry in entries)


@pytest.mark.compiler
@pytest.mark.emulator
def test_the_zoo_is_built_for_a_board_and_its_names_are_models(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyprune.tasks import build as build_task
    from tinyprune.training import zoo

    monkeypatch.setattr(build_task, "COMPARED_INPUTS", 2)
    monkeypatch.setattr(zoo, "list_entries", lambda: ("ds-cnn-s-dense",))
    code, out, _ = run("zoo", "--board", "nano33", "-q")
    assert code == 0
    cycles = re.search(r"nano33: ([\d,]+) modelled cycles, flash [\d,]+ B, RAM [\d,]+ \+ 2,048 B \(stack\)", out)
    assert cycles is not None
    code, out, _ = run("build", "--board", "nano33", "--model", "ds-cnn-s-dense", "--json")
    report = json.loads(out)
    assert (code, report["model"]) == (0, "ds-cnn-s-dense")
    assert f"{report['modelled_cycles']:,}" == cycles[1]
    code, _, err = run("build", "--board", "nano33", "--model", "ds-cnn-s-danse")
    assert code == 2
    assert 'ds-cnn-s-danse: No such file or directory; did you mean the zoo\'s "ds-cnn-s-dense"?' in err


def imported_by(*arguments: str) -> set[str]:
    code = f"import sys; sys.argv = ['tinyprune', *{list(arguments)!r}]\nfrom tinyprune import cli\n"
    code += "try:\n    cli.main()\nexcept SystemExit:\n    pass\nprint('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES")[1].split())


@pytest.mark.parametrize("group", [(), ("data",), ("boards",)])
def test_each_command_is_listed_with_a_whole_sentence(run: Run, group: tuple[str, ...]) -> None:
    code, out, err = run(*group, "--help")
    assert (code, err) == (0, "")
    listed = out.partition("Commands:\n")[2].splitlines()
    assert listed
    assert all(line.startswith("  ") and line.endswith(".") and not line.endswith("...") for line in listed)
    if group != ("boards",):  # which lists the boards
        assert run(*group) == (2, "", out)


@pytest.mark.parametrize("arguments", ["--help", "--version", "boards show nano33"])
def test_a_reader_that_has_seen_enough_is_no_failure(arguments: str) -> None:
    """As `tinyprune boards show nano33 | head -n 1` in a script with pipefail."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tinyprune", *arguments.split()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("output", [subprocess.PIPE, None])
def test_another_broken_pipe_is_a_failure(tmp_path: Path, output: int | None) -> None:
    """Whatever standard output is: a pipe that is read, or a file."""
    code = """
import os
from tinyprune import cli
from tinyprune.device import boards
def names():
    reader, writer = os.pipe()
    os.close(reader)
    os.write(writer, b"x")
boards.names = names
cli.main()
"""
    with (tmp_path / "out").open("w") as file:
        command = [sys.executable, "-c", code, "boards"]
        done = subprocess.run(command, stdout=output or file, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: a pipe to another program broke: it ended early; run the same command again\n"


def test_help_imports_nothing_slow() -> None:
    assert not imported_by("--help") & {"numpy", "rich", "tensorflow", "unicorn", "jinja2", "tflite", "capstone"}


@pytest.mark.compiler
def test_a_tflite_build_never_imports_tensorflow(tmp_path: Path, model: str) -> None:
    modules = imported_by("build", "--board", "nano33", "--model", model, "-o", str(tmp_path / "out"), "-q")
    assert "unicorn" in modules
    assert not modules & {"tensorflow", "tf_keras", "keras"}


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.parametrize("stage", ["compiling", "running"])
def test_control_c_leaves_nothing_behind(tmp_path: Path, model: str, stage: str) -> None:
    # a background job of a shell starts with SIGINT ignored
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from tinyprune.tasks import build; build.COMPARED_INPUTS = 2000\n"  # so that the run is not over too soon
    code += "from tinyprune.cli import main; main()"
    command = [sys.executable, "-c", code, "build", "--board", "nano33", "--model", model]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        while stage not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == cli.EXIT_INTERRUPTED
    assert "error: interrupted; nothing was half-written" in rest
    assert "Traceback" not in rest
    assert "Exception ignored" not in rest
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.tflite"]


def test_control_c_in_a_destructor_is_not_lost(tmp_path: Path) -> None:
    code = """
import signal, time
from tinyprune import cli
from tinyprune.device import boards
signal.signal(signal.SIGINT, signal.default_int_handler)
class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
def names():
    Dying()
    time.sleep(30)
boards.names = names
cli.main()
"""
    command = [sys.executable, "-c", code, "boards"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == cli.EXIT_INTERRUPTED
    assert done.stderr.strip() == "error: interrupted; nothing was half-written, run the same command again"


@pytest.mark.compiler
def test_output_that_is_cut_or_plain_ascii_is_no_error(tmp_path: Path, model: str) -> None:
    build = [sys.executable, "-m", "tinyprune", "build", "--board", "host", "--model", model, "--no-run", "-q"]
    plain = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(build, cwd=tmp_path, env=plain, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "6?5?16" in done.stdout
    shell = f"{' '.join(build)} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, env=plain, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with Path("/dev/full").open("w") as full:
        cut = subprocess.run([*build[:3], "boards"], stdout=full, stderr=subprocess.PIPE, env=plain, check=False)
    assert cut.returncode != 0
    assert b"Traceback" not in cut.stderr


@pytest.mark.compiler
@pytest.mark.emulator
def test_the_default_build_takes_the_network_of_the_zoo(run: Run) -> None:
    """TensorFlow, the zoo's weights, the compiler, the emulator, TFLite Micro: the README's command."""
    code, out, _ = run("build", "--board", "nano33", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["model"] == "ds-cnn-s-2x4"
    assert report["bit_exact"]
    assert report["inputs_compared"] >= 64
    patterns = {layer["name"]: layer["pattern"] for layer in report["layers"] if layer["zeros"] is not None}
    assert patterns.pop("depthwise_1") == "dense"
    pruned = ("conv", "pointwise_1", "pointwise_2", "pointwise_3", "pointwise_4", "dense")
    assert {name: p for name, p in patterns.items() if not name.startswith("depthwise")} == dict.fromkeys(pruned, "2:4")
    assert report["accuracy"]["percent"] > 90
    assert report["accuracy"]["clips"] > 1000


@pytest.mark.compiler
@pytest.mark.emulator
def test_the_zoos_int8_file_is_what_runs_and_tensorflow_is_not_imported(tmp_path: Path) -> None:
    from tinyprune.training import zoo

    code = (
        "import sys; from tinyprune import cli; cli.main()\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'tf_keras'}, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "build", "--board", "nano33", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
    report = json.loads(done.stdout)
    entry = zoo.load(zoo.DEFAULT)
    assert report["bit_exact"]
    assert report["model_sha256"] == entry.model_sha256
    assert (tmp_path / "build/nano33/model.tflite").read_bytes() == zoo.int8_model(entry)
    assert report["accuracy"]["same_bytes"] is True


@pytest.mark.compiler
def test_what_build_says_of_the_zoos_network_is_true_with_and_without_requantize(run: Run) -> None:
    from tinyprune.training import quantize, zoo

    code, out, err = run("build", "--board", "host", "--no-run")
    assert code == 0
    assert "… taking ds-cnn-s-2x4 from the zoo, int8 as it was measured\n" in err
    assert "accuracy  94." in out
    assert "requantized" not in out
    code, out, err = run("build", "--board", "host", "--no-run", "--requantize", "-o", "anew")
    assert code == 0
    assert "… verifying the mask of ds-cnn-s-2x4 and quantizing it to int8\n" in err
    entry, written = zoo.load(zoo.DEFAULT), Path("anew/model.tflite").read_bytes()
    assert written == quantize.quantize(zoo.build_model(entry))
    other_bytes = written != zoo.int8_model(entry)
    assert ("(requantized: this TensorFlow rounds some weights differently" in out) == other_bytes
    assert json.loads(Path("anew/report.json").read_text())["accuracy"]["same_bytes"] != other_bytes


@pytest.mark.compiler
@pytest.mark.parametrize("same", [True, False])
def test_requantized_bytes_that_were_not_measured_are_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    from tinyprune.training import quantize, zoo

    content = zoo.int8_model(zoo.load("ds-cnn-s-dense" if same else "ds-cnn-s-2x4"))
    monkeypatch.setattr(quantize, "quantize", lambda _model: content)
    code, out, _ = run("build", "--board", "host", "--model", "ds-cnn-s-dense", "--no-run", "--requantize")
    assert code == 0
    assert ("the accuracy is that of other bytes" in out) != same


@pytest.mark.parametrize("requantize", [True, False])
def test_a_zoo_network_that_lost_its_pattern_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, requantize: bool
) -> None:
    """In the bytes that would run, wherever they come from."""
    from tinyprune.training import quantize, zoo

    dense = zoo.int8_model(zoo.load("ds-cnn-s-dense"))
    monkeypatch.setattr(zoo, "int8_model", lambda _entry: dense)
    monkeypatch.setattr(quantize, "quantize", lambda _model: dense)
    code, _, err = run("build", "--board", "host", *(["--requantize"] if requantize else []), "-q")
    assert code == 1
    assert err == 'error: zoo entry ds-cnn-s-2x4: layer "conv" is dense after quantization, not 2:4\n'


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("ds-cnn-l-2x4", "ds-cnn-l-2x4 comes without the float weights that --requantize needs; ds-cnn-"),
        ("ds-cnn-m-2x4", "ds-cnn-m-2x4 comes without the float weights that --requantize needs; ds-cnn-s-2x4, "),
        ("mine.tflite", "--requantize goes with a network of the zoo, not with mine.tflite"),
    ],
)
def test_what_cannot_be_requantized_is_refused_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, model: str, message: str
) -> None:
    from tinyprune.training import zoo

    if "-m-" in model:  # as in an installed package
        monkeypatch.setattr(zoo, "has_weights", lambda entry: entry.size == "S")
    Path("mine.tflite").write_bytes(b"")
    code, _, err = run("build", "--board", "host", "--model", model, "--requantize", "-q")
    assert code == 2
    assert err.startswith(f"error: {message}")


@pytest.mark.compiler
def test_a_keras_model_is_quantized_with_the_users_samples(run: Run) -> None:
    import tf_keras

    layers = tf_keras.layers
    network = tf_keras.Sequential(
        [
            layers.Input((8, 6, 1)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    network.save("mine.keras")
    good = np.random.default_rng(1).normal(size=(20, 8, 6, 1)).astype(np.float32)
    np.save("good.npy", good)
    build = ["build", "--board", "host", "--model", "mine.keras", "--json", "--calibration"]
    code, out, _ = run(*build, "good.npy")
    assert code == 0
    report = json.loads(out)
    assert report["bit_exact"]
    assert {layer["name"] for layer in report["layers"]} <= {layer["name"] for layer in report["layer_errors"]}
    wrong = {"shape": good[:, :4], "nan": np.full_like(good, np.nan), "text": "no"}
    for name, message in {"shape": "8, 6, 1", "nan": "NaN", "text": "not a .npy array"}.items():
        if name == "text":
            Path("text.npy").write_text("no")
        else:
            np.save(f"{name}.npy", wrong[name])
        code, out, err = run(*build, f"{name}.npy", "-o", f"out-{name}")
        assert code == 1
        assert message in err
        assert not Path(f"out-{name}").exists()
    Path("bad.h5").write_bytes(b"not HDF5")
    code, _, err = run("build", "--board", "host", "--model", "bad.h5", "--calibration", "good.npy", "-q")
    assert code == 1
    assert "bad.h5" in err
