"""`tinyprune sweep`: trials that build and run, a front, limits, a study that goes on and that processes share."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyprune import boards, reader, sparsity, sweep
from tinyprune.errors import UsageError
from tinyprune.graph import matrix

Run = Callable[..., tuple[int, str, str]]
SWEEP = ("sweep", "--board", "nano33", "--data", "x.npy", "--patterns", "dense,2:4", "--seed", "1", "-o", "out")
pytestmark = pytest.mark.compiler


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
    first = json.loads(out)
    assert (code, err, len(first)) == (0, "", 3)
    code, out, _ = run(*SWEEP, "small.keras", "large.keras", "--trials", "4", "--json")
    points = json.loads(out)
    assert [point["quality"] for point in points[:3]] == [point["quality"] for point in first]
    assert len(points) == 4
    front = [point for point in points if point["on_front"]]
    for point in front:
        assert not any(
            other["quality"] > point["quality"] and other["modelled_cycles"] <= point["modelled_cycles"]
            for other in points
        )
        graph = reader.read(Path(point["file"]).read_bytes())
        found = [sparsity.discover(matrix(op)) for op in graph.ops if matrix(op) is not None]
        assert [pattern == "2:4" for pattern in found] == [pattern == "2:4" for pattern in point["patterns"].values()]
    code, out, _ = run(*SWEEP, "small.keras", "large.keras", "--trials", "4")
    assert out.startswith("4 trials, 4 within limits; none beats these:\n")
    assert len(out.splitlines()) == 1 + len(front)


@pytest.mark.usefixtures("networks")
def test_limits_and_labels_count(run: Run) -> None:
    options = ("small.keras", "--trials", "2", "--labels", "y.npy", "--max-cycles", "10", "--json")
    code, out, _ = run(*SWEEP, *options)
    points = json.loads(out)
    assert code == 0
    assert all(0 <= point["quality"] <= 1 for point in points)
    assert not any(point["within_limits"] or point["on_front"] for point in points)
    assert not list(Path("out").glob("*.tflite"))


MISTAKES = {
    "pattern": (["small.keras", "--patterns", "dense,4:2"], 2, "--patterns: 4:2 is no N:M pattern"),
    "no model": (["no.keras"], 2, "there is no model no.keras"),
    "trials": (["small.keras", "--trials", "0"], 2, "--trials must be at least 1"),
    "storage": (["small.keras", "--storage", "nosql://me:secret@there/db"], 2, "the storage nosql://…@there/db cannot"),
    "labels": (["small.keras", "--labels", "x.npy"], 1, "one for each sample"),
}


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_a_sentence(run: Run, case: str) -> None:
    words, wanted, sentence = MISTAKES[case]
    code, _, err = run(*SWEEP, *words)
    assert (code, sentence in err) == (wanted, True), err
    assert "secret" not in err


@pytest.mark.usefixtures("networks")
def test_another_question_needs_another_study(run: Run) -> None:
    assert run(*SWEEP, "small.keras", "--trials", "1", "-q")[0] == 0
    code, _, err = run(*SWEEP, "large.keras", "--trials", "2", "-q")
    assert code == 2
    assert "the study tinyprune was begun with another models" in err


def worker(storage: str, trials: int) -> "subprocess.Popen[bytes]":
    options = [*SWEEP, "small.keras", "--trials", str(trials), "--storage", storage, "-q"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, "-m", "tinyprune", *options], env=environment, stderr=subprocess.PIPE)


def share(run: Run, storage: str) -> None:
    """Two processes at once, of which one is killed; then the rest."""
    workers = [worker(storage, 6) for _ in range(2)]
    time.sleep(10)
    workers[0].send_signal(signal.SIGKILL)
    _, said = workers[1].communicate(timeout=200)
    workers[0].communicate()
    assert workers[1].returncode == 0, said.decode()
    code, out, _ = run(*SWEEP, "small.keras", "--trials", "6", "--storage", storage, "--json")
    points = json.loads(out)
    assert code == 0
    assert len(points) >= 6
    assert len({point["number"] for point in points}) == len(points)


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
        with sweep._storage(optuna, request):
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
        with sweep._storage(optuna, replace(request, storage=url)) as storage:
            assert storage.get_all_studies() == []


def test_a_database_that_cannot_be_opened_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna

    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    request = sweep.SweepRequest(boards.load("nano33"), (), tmp_path / "x.npy", tmp_path / "missing")
    with pytest.raises(UsageError, match="unable to open database file"), sweep._storage(optuna, request):
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
