"""`tinyprune sweep`: trials that build and run, a front, limits, a study that goes on and that processes share."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tinyprune.compiler import reader, reference, samples, sparsity
from tinyprune.device import boards
from tinyprune.errors import UsageError
from tinyprune.tasks import sweep
from tinyprune.tasks.sweep import trial
from tinyprune.tasks.sweep.study import storage_of

Run = Callable[..., tuple[int, str, str]]
SWEEP = ("sweep", "--board", "nano33", "--data", "x.npy", "--patterns", "dense,2:4", "--seed", "1", "-o", "out")
pytestmark = pytest.mark.compiler


def points_of(printed: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(printed)["points"]
    return found


@pytest.fixture
def networks(tmp_path: Path) -> None:
    """`small.keras` and `large.keras`, inputs and labels for them."""
    from tf_keras import Sequential, layers, utils

    utils.set_random_seed(0)
    for name, channels in (("small", 4), ("large", 16)):
        Sequential(
            [
                layers.Input((6, 5, 1)),
                layers.Conv2D(channels, 3, activation="relu", name="conv"),
                layers.Flatten(),
                layers.Dense(4, activation="softmax", name="dense"),
            ]
        ).save(tmp_path / f"{name}.keras")
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(40, 6, 5, 1)).astype(np.float32))
    np.save(tmp_path / "y.npy", np.random.default_rng(2).integers(0, 4, 40))


@pytest.mark.usefixtures("networks")
def test_a_study_goes_on_where_it_stopped_and_its_front_is_built_of_what_it_says(run: Run) -> None:
    code, out, err = run(*SWEEP, "small.keras", "large.keras", "--trials", "3", "--json")
    first = points_of(out)
    assert (code, err, len(first)) == (0, "", 3)
    code, out, _ = run(*SWEEP, "small.keras", "large.keras", "--trials", "4", "--json")
    points = points_of(out)
    assert [point["quality"] for point in points[:3]] == [point["quality"] for point in first]
    assert len(points) == 4
    asked = [(point["model"], point["patterns"]) for point in points]
    assert asked[3] != asked[0], "the seed began anew"
    front = [point for point in points if point["on_front"]]
    for point in points:
        is_beaten = any(
            other["quality"] >= point["quality"]
            and other["modelled_cycles"] <= point["modelled_cycles"]
            and (values(other) != values(point) or other["number"] < point["number"])
            for other in points
        )
        assert point["on_front"] != is_beaten
    for point in front:
        graph = reader.read(Path(point["file"]).read_bytes())
        found = [sparsity.discover(op.matrix) for op in graph.ops if op.matrix is not None]
        assert [pattern == "2:4" for pattern in found] == [pattern == "2:4" for pattern in point["patterns"].values()]
    code, out, _ = run(*SWEEP, "small.keras", "large.keras", "--trials", "4", "--html", "sweep.html")
    assert "4 trials, " in Path("sweep.html").read_text(encoding="utf-8")
    verdict, counted, *lines = out.splitlines()
    assert verdict.startswith("TAKE  out/trial-")
    assert counted == "4 trials, 4 within limits; none beats these:"
    assert len(lines) == len(front)
    assert [line.startswith("take") for line in lines].count(True) == 1


def values(point: dict[str, Any]) -> tuple[float, float]:
    return point["quality"], point["modelled_cycles"]


def answers(file: str, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    graph = reader.read(Path(file).read_bytes())
    stored = samples.quantize(inputs, graph.inputs[0], "x.npy")
    return np.asarray(reference.infer(graph, stored)).reshape(len(inputs), -1)


@pytest.mark.usefixtures("networks")
def test_labels_count(run: Run) -> None:
    from tf_keras import models

    x = np.load("x.npy")
    np.save("y.npy", models.load_model("small.keras", compile=False).predict(x, verbose=0).argmax(axis=1))
    options = ("small.keras", "--trials", "1", "--patterns", "dense", "--json")
    (right,) = points_of(run(*SWEEP, *options, "--labels", "y.npy")[1])
    assert right["quality"] == (answers(right["file"], x[20:]).argmax(axis=1) == np.load("y.npy")[20:]).mean()
    assert right["quality"] > 0.8
    np.save("wrong.npy", (np.load("y.npy") + 1) % 4)
    (wrong,) = points_of(run(*SWEEP, *options, "--labels", "wrong.npy", "--study", "wrong")[1])
    assert wrong["quality"] < 0.2


@pytest.mark.usefixtures("networks")
def test_limits_count(run: Run) -> None:
    options = ("small.keras", "--trials", "2", "--patterns", "dense", "--json")
    code, out, _ = run(*SWEEP, *options, "--max-cycles", "10")
    points = points_of(out)
    assert (code, len(points)) == (0, 2)
    assert not any(point["within_limits"] or point["on_front"] or point["file"] for point in points)
    assert not list(Path("out").glob("*.tflite"))
    for limit, figure in (("flash", "flash_bytes"), ("ram", "ram_bytes"), ("cycles", "modelled_cycles")):
        for less, kept in ((0, True), (1, False)):
            again = points_of(run(*SWEEP, *options, f"--max-{limit}", str(points[0][figure] - less))[1])
            assert [point["within_limits"] for point in again] == [kept, kept], limit
            assert [point["on_front"] for point in again] == [kept, False]


@pytest.mark.slow
@pytest.mark.usefixtures("networks")
def test_models_are_tried_with_fewer_channels(run: Run) -> None:
    code, out, err = run(
        *SWEEP[:5], "--patterns", "dense,channels-50", "-o", "out", "large.keras", "--trials", "2", "--json"
    )
    dense, narrow = points_of(out)
    assert (code, err) == (0, "")
    assert (dense["model"], narrow["model"]) == ("large", "large channels-50")
    assert (dense["is_narrower"], narrow["is_narrower"]) == (False, True)
    assert narrow["modelled_cycles"] < 0.8 * dense["modelled_cycles"]
    assert -200 < narrow["quality"] < dense["quality"]  # beside the whole model, not beside itself
    assert run(*SWEEP[:5], "--patterns", "dense,channels-x", "large.keras")[2].startswith("error: unknown pattern")


@pytest.mark.usefixtures("networks")
def test_studies_in_one_folder_keep_their_networks_apart(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (*SWEEP, "small.keras", "--trials", "1", "--patterns")
    (dense,) = points_of(run(*one, "dense", "--json")[1])
    before = Path(dense["file"]).read_bytes()
    (pruned,) = points_of(run(*one, "2:4", "--study", "other", "--json")[1])
    ops = reader.read(Path(pruned["file"]).read_bytes()).ops
    assert [sparsity.discover(op.matrix) for op in ops if op.matrix is not None] == ["2:4", "2:4"]
    assert Path(dense["file"]).read_bytes() == before

    def again(*_: object) -> bytes:
        raise AssertionError("pruned again")

    with monkeypatch.context() as patch:
        patch.setattr(trial, "network", again)
        assert points_of(run(*one, "dense", "--json")[1]) == [dense]
    Path(dense["file"]).unlink()
    _, out, err = run(*one, "dense")
    assert dense["file"] in out
    assert Path(dense["file"]).read_bytes() == before
    assert "other bytes" not in err
    Path(dense["file"]).unlink()
    monkeypatch.setattr(trial, "network", lambda *_: b"of another machine")
    assert "has other bytes than in the trial" in run(*one, "dense")[2]


@pytest.mark.usefixtures("networks")
def test_integers_are_values(run: Run) -> None:
    numbers = np.clip(np.rint(20 * np.load("x.npy")), -128, 127) + 0  # no -0
    options = ("small.keras", "--trials", "1", "--patterns", "dense", "--json")
    found = []
    for kind in ("f4", "i1", "i8"):
        np.save("x.npy", numbers.astype(kind))
        code, _, err = run(*SWEEP, *options)  # one study: the same numbers are the same data
        assert code == 0, err
        (point,) = points_of(run(*SWEEP, *options, "-o", kind)[1])
        found.append(point["quality"])
    assert found == [found[0]] * 3
    assert found[0] > 20


@pytest.mark.usefixtures("networks")
def test_a_layer_has_the_pattern_that_it_can_take(run: Run) -> None:
    (point,) = points_of(run(*SWEEP, "small.keras", "--trials", "1", "--patterns", "2:16", "--json")[1])
    assert point["patterns"] == {"conv": "dense", "dense": "2:16"}  # a filter of the convolution has 9 taps
    kernels = [op.matrix for op in reader.read(Path(point["file"]).read_bytes()).ops]
    conv, dense = (kernel for kernel in kernels if kernel is not None)
    assert (conv == 0).mean() < 0.2
    assert sparsity.parse("2:16").matches(dense)


@pytest.mark.usefixtures("networks")
def test_a_sweep_whose_trials_are_all_refused_fails(run: Run) -> None:
    from tf_keras import Sequential, layers

    image, scores = layers.Input((6, 5, 1)), layers.Dense(6, activation="gelu")  # which TFLite Micro does not have
    Sequential([image, layers.Conv2D(4, 3), layers.Flatten(), scores]).save("small.keras")
    code, out, err = run(*SWEEP, "small.keras", "--trials", "2")
    assert (code, out) == (1, "")
    assert "… trial 1 is refused: operator GELU (" in err
    assert "error: no trial has figures (2 refused); trial 0, of small: operator GELU (" in err
    code, out, _ = run(*SWEEP, "small.keras", "--trials", "2", "--json")
    assert code == 1
    assert "no trial has figures (2 refused)" in json.loads(out)["error"]
    both = ("small.keras", "large.keras", "--study", "both", "--seed", "2", "--trials", "3")
    code, out, err = run(*SWEEP, *both)
    assert code == 0, err
    assert re.match(r"TAKE  out/trial-1-\w+.tflite: the best of 1 within the limits; ", out)
    assert "trial 2 is refused" in err


MISTAKES = {
    "pattern": (["small.keras", "--patterns", "dense,4:2"], 2, "--patterns: 4:2 is no N:M pattern"),
    "pattern that no layer takes": (
        ["small.keras", "--patterns", "dense,2:64"],
        2,
        "no layer of small can take 2:64; leave it out",
    ),
    "threshold": (["small.keras", "--patterns", "threshold-0.8"], 2, "threshold-0.8 is a rule about magnitudes"),
    "no model": (["no.keras"], 2, "there is no model no.keras"),
    "trials": (["small.keras", "--trials", "0"], 2, "'--trials': 0 is not in the range"),
    "seed": (["small.keras", "--seed", "-1"], 2, "'--seed': -1 is not in the range"),
    "flash": (["small.keras", "--max-flash", "0"], 2, "'--max-flash': 0 is not in the range"),
    "RAM": (["small.keras", "--max-ram", "0"], 2, "'--max-ram': 0 is not in the range"),
    "cycles": (["small.keras", "--max-cycles", "0"], 2, "'--max-cycles': 0 is not in the range"),
    "storage": (["small.keras", "--storage", "nosql://me:secret@there/db"], 2, "the storage nosql://…@there/db cannot"),
    "labels": (["small.keras", "--labels", "x.npy"], 1, "one for each sample"),
    "class": (["small.keras", "--labels", "nine.npy"], 1, "label 30 is 9; the classes of model small are 0 to 3"),
    "one output": (["binary.keras", "--labels", "y.npy"], 2, "model binary has output (None, 1): --labels are for"),
    "no class": (["maps.keras", "--labels", "y.npy"], 2, "model maps has output (None, 4, 3, 2): --labels are for"),
    "NaN": (
        ["small.keras", "--data", "nan.npy"],
        1,
        "model small: 1 of 40 sweep samples hold NaN or Inf, first sample 25",
    ),
    "one number": (["small.keras", "--data", "zero.npy"], 1, "zero.npy: an array is needed, one entry a sample"),
    "few": (["small.keras", "--data", "few.npy"], 1, "few.npy has 31 samples; a sweep needs 32 or more"),
    "shape": (["small.keras", "--data", "flat.npy"], 1, "flat.npy, for model small: sweep samples have shape [40, 30]"),
}


def make_mistakes(folder: Path) -> None:
    """Files for some of `MISTAKES`."""
    from tf_keras import Sequential, layers

    image, conv = layers.Input((6, 5, 1)), layers.Conv2D(2, 3)
    Sequential([image, conv]).save(folder / "maps.keras")
    Sequential([image, conv, layers.Flatten(), layers.Dense(1)]).save(folder / "binary.keras")
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    y[30] = 9
    np.save(folder / "nine.npy", y)
    np.save(folder / "flat.npy", x.reshape(40, 30))
    np.save(folder / "few.npy", x[:31])
    np.save(folder / "zero.npy", np.float32(0))
    x[25, 0] = np.nan
    np.save(folder / "nan.npy", x)


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_a_sentence_before_any_trial(run: Run, case: str, tmp_path: Path) -> None:
    make_mistakes(tmp_path)
    words, wanted, sentence = MISTAKES[case]
    code, _, err = run(*SWEEP, *words)
    assert (code, sentence in err) == (wanted, True), err
    assert "secret" not in err
    assert "trial 0" not in err


@pytest.mark.usefixtures("networks")
def test_another_question_needs_another_study(run: Run) -> None:
    question = (*SWEEP, "small.keras", "--labels", "y.npy", "--trials", "1", "-q")
    assert run(*question)[0] == 0
    np.save("x2.npy", np.load("x.npy") + 1)
    np.save("y2.npy", (np.load("y.npy") + 1) % 4)
    for words, differing in (
        (["large.keras"], "models"),
        (["--labels", "y2.npy"], "labels"),
        (["--data", "x2.npy"], "data"),
        (["--patterns", "dense"], "patterns"),
        (["--board", "nano33sense", "--patterns", "dense"], "board and patterns"),
    ):
        code, _, err = run(*question, *words)
        assert (code, f"the study tinyprune was begun with other {differing}; give" in err) == (2, True), err


@pytest.mark.usefixtures("networks")
def test_models_are_known_by_their_contents(run: Run) -> None:
    from tf_keras import models

    question = (*SWEEP, "--trials", "1", "-q")
    assert run(*question, "small.keras")[0] == 0
    trained = models.load_model("small.keras", compile=False)
    Path("elsewhere").mkdir()
    trained.save("elsewhere/small.keras")
    assert run(*question, "elsewhere/small.keras")[0] == 0
    trained.get_layer("conv").bias.assign(np.ones(4))
    trained.save("small.keras")
    code, _, err = run(*question, "small.keras")
    assert (code, "begun with other models; give" in err) == (2, True), err


@pytest.mark.usefixtures("networks")
def test_a_study_of_an_earlier_version_is_refused(run: Run) -> None:
    import optuna

    Path("out").mkdir()
    study = optuna.create_study(
        storage="sqlite:///out/study.db", study_name="tinyprune", directions=["maximize", "minimize"]
    )
    study.set_user_attr("asked", {"board": "nano33", "models": ["small"], "patterns": ["dense"], "labels": False})
    code, _, err = run(*SWEEP, "small.keras", "-q")
    assert (code, "the study tinyprune was begun by another version of tinyprune" in err) == (2, True), err


#: The command line, which stays in its first trial until it gets a line.
WORKER = """
import sys
from tinyprune import cli
from tinyprune.tasks.sweep import trial
network = trial.network
def wait(*arguments):
    trial.network = network
    print("in a trial", flush=True)
    sys.stdin.readline()
    return network(*arguments)
trial.network = wait
cli.main()
"""


def worker(storage: str, trials: int) -> "subprocess.Popen[str]":
    options = [*SWEEP, "small.keras", "--trials", str(trials), "--storage", storage, "-q"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([sys.executable, "-c", WORKER, *options], env=environment, text=True, **pipes)


def states(storage: str) -> list[str]:
    """Of each trial of the study; none before there are tables."""
    return found(storage, "select state from trials order by number")


def found(storage: str, query: str) -> list[str]:
    """A column of the study's database. Not by Optuna, which would make tables."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(storage)
    try:
        with engine.connect() as connection:
            return [value for (value,) in connection.execute(sqlalchemy.text(query))]
    except sqlalchemy.exc.DatabaseError:
        return []
    finally:
        engine.dispose()


def share(run: Run, storage: str) -> None:
    """Two processes at once, of which one is killed in the middle of a trial; then the rest."""
    workers = [worker(storage, 4) for _ in range(2)]
    for each in workers:
        assert each.stdout is not None
        while "in a trial" not in (line := each.stdout.readline()):
            assert line, each.wait()
    assert states(storage) == ["RUNNING", "RUNNING"]
    patterns = "select distinct param_value from trial_params where param_name like 'small/%'"
    assert len(found(storage, patterns)) == 2, "both try the same"
    workers[0].kill()
    workers[0].communicate()
    said, _ = workers[1].communicate("go on\n")
    assert workers[1].returncode == 0, said
    code, out, _ = run(*SWEEP, "small.keras", "--trials", "4", "--storage", storage, "--json")
    assert code == 0
    assert len(points_of(out)) == states(storage).count("COMPLETE") >= 4
    assert states(storage)[:2].count("COMPLETE") == 1, "one was killed in its trial"


@pytest.mark.usefixtures("networks")
def test_two_processes_share_a_study_and_one_may_die(run: Run, tmp_path: Path) -> None:
    share(run, f"sqlite:///{tmp_path / 'shared.db'}")
    with sqlite3.connect(tmp_path / "shared.db") as database:
        assert database.execute("select count(*) from studies").fetchone() == (1,)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")  # filters are not each thread's own
def test_many_may_begin_a_study_at_once(tmp_path: Path) -> None:
    """All of them make its tables; SQLite lets one succeed. Threads meet there more surely than processes do."""
    import optuna

    request = sweep.SweepRequest(boards.load("nano33"), (), tmp_path / "x.npy", tmp_path)
    barrier = threading.Barrier(4)

    def begin(_: int) -> None:
        barrier.wait()
        with storage_of(optuna, request):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(4)))


def test_a_locked_database_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna

    with closing(sqlite3.connect(tmp_path / "study.db")) as other:
        other.execute("begin exclusive")
        monkeypatch.setattr("time.sleep", lambda _: other.rollback())
        request = sweep.SweepRequest(boards.load("nano33"), (), tmp_path / "x.npy", tmp_path)
        url = f"sqlite:///{tmp_path / 'study.db'}?timeout=0.01"
        with storage_of(optuna, replace(request, storage=url)) as storage:
            assert storage.get_all_studies() == []


def test_a_database_that_cannot_be_opened_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna

    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    request = sweep.SweepRequest(boards.load("nano33"), (), tmp_path / "x.npy", tmp_path / "missing")
    with pytest.raises(UsageError, match="unable to open database file"), storage_of(optuna, request):
        pass
    assert waits == []


@pytest.fixture
def postgresql() -> Iterator[str]:
    """A server of our own on a Unix socket."""
    if shutil.which("initdb") is None or (os.geteuid() == 0 and shutil.which("runuser") is None):
        pytest.skip("PostgreSQL is not installed")
    folder = Path("/tmp") / f"tinyprune-pg-{os.getpid()}"  # a socket's path must be short
    folder.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "nobody", "nogroup")
        as_user = ["runuser", "-u", "nobody", "--"]
    data, log = folder / "data", folder / "log"
    subprocess.run([*as_user, "initdb", "-D", data, "-U", "tester", "--auth=trust"], check=True, capture_output=True)
    options = f"-c listen_addresses='' -k {folder}"
    subprocess.run([*as_user, "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"], check=True, timeout=60)
    try:
        yield f"postgresql+psycopg://tester@/postgres?host={folder}"
    finally:
        subprocess.run([*as_user, "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.usefixtures("networks")
def test_two_processes_share_a_study_on_postgresql(run: Run, postgresql: str) -> None:
    share(run, postgresql)
