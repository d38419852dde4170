"""`build --runtime tflm --no-run` without a tree: a project whose CMake fetches one, here from a repository of ours."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import networks
from tests.tasks.conftest import Run
from tinyprune.firmware.tflm import tree

pytestmark = pytest.mark.compiler
BUILD = "build --board nano33 --runtime tflm --model m.tflite --no-run -o out".split()
HEADERS = {
    "tensorflow/lite/micro/micro_common.h": "struct TFLMRegistration {};\n",
    "tensorflow/lite/micro/micro_interpreter.h": "size_t arena_used_bytes() const;\n",
    tree.README: "How to build\n",
    "CMakeLists.txt": 'message(FATAL_ERROR "the fetched tree is built")\n',
}
LIBRARY = "gen/cortex_m_generic_cortex-m4+fp_{}/lib/libtensorflow-microlite.a"


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(folder: Path, files: dict[str, str]) -> str:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "c")
    return git(folder, "rev-parse", "HEAD").strip()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Two commits behind a plain HTTP server: one of today, and one of before 2024 on top."""
    for tool in ("cmake", "arm-none-eabi-gcc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q")
    good = commit(folder, HEADERS)
    old = commit(folder, {"tensorflow/lite/micro/micro_common.h": "struct TfLiteRegistration {};\n"})
    git(folder, "update-server-info")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever).start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/.git", good=good, old=old)
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `build` leaves it where there is no tree."""
    for variable in (tree.ROOT_VARIABLE, tree.LIBRARY_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "m.tflite").write_bytes(networks.ds_cnn())
    code, out, err = run(*BUILD, "-q")
    assert (code, err) == (0, "")
    assert out.startswith("NOT LINKED  TFLite Micro is not there: no firmware was made, its arena was not measured")
    assert f"TFLite Micro {tree.COMMIT} of {tree.REPOSITORY}" in out
    return tmp_path / "out/project"


def configure(project: Path, **variables: str) -> tuple[int, str]:
    """Exit code, and what CMake said in one line."""
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={project}/cmake/arm-none-eabi.cmake"
    options = [toolchain, *(f"-D{name}={value}" for name, value in variables.items())]
    done = subprocess.run(
        ["cmake", "-S", project, "-B", project.parent / "b", *options], capture_output=True, text=True, check=False
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_what_is_written_and_what_is_said(project: Path, run: Run) -> None:
    assert {path.name for path in project.parent.iterdir() if path.name[0] != "."} == {
        "model.tflite", "model-tflm.tflite", "project",
    }  # fmt: skip
    assert "nothing of it has been linked or run" in (project / "README.md").read_text()
    assert "/* Not measured: what the board's RAM has for it." in (project / "network/network.h").read_text()
    assert 'set(TFLM_COMMIT "' + tree.COMMIT + '"' in (project / "cmake/tflm.cmake").read_text()
    code, _, err = run("flash", "--board", "nano33", "--build", "out")
    assert (code, "out has no finished build" in err) == (2, True)


@pytest.mark.usefixtures("project")
def test_as_json(run: Run) -> None:
    code, out, _ = run(*BUILD, "--json")
    found = json.loads(out)
    assert (code, found["linked"], found["board"]) == (0, False, "nano33")
    assert found["kernels"]["conv_1"] == "tp_conv_2d_s8_pairs_dsp"
    assert found["kernels"]["depthwise_1"] == "TFLite Micro's DEPTHWISE_CONV_2D"
    assert not {"flash_bytes", "arena_bytes", "modelled_cycles"} & set(found)
    out = run(*BUILD, "-q", "-v")[1]
    assert "depthwise_1: TFLite Micro's DEPTHWISE_CONV_2D: its weights are dense\n" in out


def test_a_board_that_tflite_micro_does_not_know(project: Path, run: Run) -> None:
    arguments = ("build", "--board", "host", "--runtime", "tflm", "--model", "m.tflite", "--no-run", "-o", "host")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "cortex_m_generic has no core such as that of host" in " ".join(err.split())
    assert not (project.parent.parent / "host").exists()


def test_the_pinned_commit_is_fetched_and_its_library_linked(project: Path, repository: SimpleNamespace) -> None:
    pinned = {"TFLM_REPOSITORY": repository.url, "TFLM_COMMIT": repository.good}
    code, said = configure(project, **pinned)
    checkout = project.parent / f"b/_deps/tflm-{repository.good}"
    assert code != 0
    assert f"TFLM_ROOT is not set: fetching TFLite Micro {repository.good} from {repository.url} to" in said
    assert f"_deps/tflm-{repository.good}/{LIBRARY.format('release_cmsis_nn_gcc')}: build TFLite Micro for" in said
    assert re.search(rf"for cortex-m4\+fp as \S+_deps/tflm-{repository.good}/{tree.README} tells", said)
    assert "the fetched tree is built" not in said
    assert {path: (checkout / path).read_text() for path in HEADERS} == HEADERS
    for kind in ("default_gcc", "release_cmsis_nn_gcc"):  # of which the second is the one that the project is for
        library = checkout / LIBRARY.format(kind)
        library.parent.mkdir(parents=True)
        library.write_bytes(b"")
        code, said = configure(project, TFLM_REPOSITORY="http://127.0.0.1:9/gone")  # it is there: no network is needed
        assert (code, f"Linking {library}" in said) == (0, True), said


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"TFLM_COMMIT": "0" * 40},
            r"was not fetched: commit 0{40} of http://\S+: fatal: .*0{40}.*\. Set TFLM_ROOT to",
        ),
        ({"TFLM_COMMIT": "main"}, "TFLM_COMMIT=main is no commit: give all of its 40 hexadecimal digits"),
        (
            {"TFLM_REPOSITORY": "http://127.0.0.1:9/.git"},
            r"not fetched: commit \w+ of http://127\.0\.0\.1:9/\.git: fatal: unable to access .*\. Set TFLM_ROOT to",
        ),
        (
            {"TFLM_COMMIT": "old"},
            r"is too old: \S+micro_common\.h has no TFLMRegistration; take a TFLite Micro of 2024",
        ),
        ({"TFLM_ROOT": "/nowhere"}, r"/nowhere is no TFLite Micro of 2024 or later: it has no \S+micro_common\.h"),
    ],
)
def test_why_there_is_no_tree(
    project: Path, repository: SimpleNamespace, variables: dict[str, str], message: str
) -> None:
    given = {"TFLM_REPOSITORY": repository.url, "TFLM_COMMIT": repository.good} | variables
    if given["TFLM_COMMIT"] == "old":
        given["TFLM_COMMIT"] = repository.old
    code, said = configure(project, **given)
    assert code != 0
    assert re.search(message, said), said
    assert "Configuring incomplete" in said
