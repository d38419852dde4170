"""Every project that `build --project` writes: what is in it, and that its own tool builds it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import networks
from tinyprune import boards, pipeline, projects
from tinyprune.errors import UsageError
from tinyprune.pipeline import BuildRequest

pytestmark = pytest.mark.compiler


def quiet(_stage: str) -> None:
    pass


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    path.write_bytes(networks.every_operator())
    return path


def build(board: str, project: str, folder: Path, model: Path, **more: object) -> Path:
    """The output folder of a build that is not run."""
    request = BuildRequest(boards.load(board), folder / "out", model, project=project, run=False, **more)  # type: ignore[arg-type]
    pipeline.run_build(request, quiet)
    return folder / "out"


def call(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


@pytest.mark.parametrize("board", ["host", "nano33"])
def test_cmake_gives_the_bytes_of_our_build(tmp_path: Path, model: Path, board: str) -> None:
    need("cmake", "gcc" if board == "host" else "arm-none-eabi-gcc")
    out = build(board, "cmake", tmp_path, model, compiler="gcc")
    call("cmake", "--preset", "firmware", folder=out / "project")
    call("cmake", "--build", "--preset", "firmware", folder=out / "project")
    if board == "host":
        assert (out / "project/build/firmware").is_file()
    else:
        assert (out / "project/build/firmware.bin").read_bytes() == (out / "firmware.bin").read_bytes()


def test_cmake_project_is_a_library_in_another_one(tmp_path: Path, model: Path) -> None:
    need("cmake", "gcc")
    out = build("host", "cmake", tmp_path, model)
    (tmp_path / "main.c").write_text(
        '#include "network.h"\nstatic _Alignas(16) uint8_t arena[TP_NETWORK_ARENA_BYTES];\n'
        "int main(void) { tp_network_run(arena); return 0; }\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.21)\nproject(mine C)\nadd_subdirectory({out / 'project'} network)\n"
        "add_executable(mine main.c)\ntarget_link_libraries(mine PRIVATE tinyprune_network)\n"
    )
    call("cmake", "-B", "build", folder=tmp_path)
    call("cmake", "--build", "build", folder=tmp_path)
    call("build/mine", folder=tmp_path)


@pytest.mark.parametrize("board", ["host", "nano33"])
def test_the_command_in_the_readme_gives_the_bytes_of_our_build(tmp_path: Path, model: Path, board: str) -> None:
    need("gcc" if board == "host" else "arm-none-eabi-gcc")
    out = build(board, "bare", tmp_path, model, compiler="gcc")
    command = re.search(r"```sh\n(.*?)```", (out / "project/README.md").read_text(), re.DOTALL)
    assert command is not None
    call("bash", "-c", command[1], folder=out / "project")
    if board != "host":
        call("arm-none-eabi-objcopy", "-O", "binary", "firmware.elf", "firmware.bin", folder=out / "project")
        assert (out / "project/firmware.bin").read_bytes() == (out / "firmware.bin").read_bytes()


def test_the_firmware_is_the_same_whatever_the_project(tmp_path: Path, model: Path) -> None:
    images = {
        (build("nano33", project, tmp_path / project, model) / "firmware.elf").read_bytes()
        for project in projects.PROJECTS
    }
    assert len(images) == 1


def test_an_unknown_project_is_refused_with_those_there_are(tmp_path: Path, model: Path) -> None:
    with pytest.raises(UsageError, match='unknown project "make"; known: bare, arduino, cmake'):
        build("nano33", "make", tmp_path, model)
