"""Every project that `build --project` writes: what is in it, and that its own tool builds it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinyprune.compiler import lower, reader
from tinyprune.device import boards
from tinyprune.errors import UsageError
from tinyprune.firmware import codegen, projects
from tinyprune.tasks import build as build_task
from tinyprune.tasks.build import BuildRequest

pytestmark = pytest.mark.compiler


def quiet(_stage: str) -> None:
    pass


def build(board: str, project: str, folder: Path, model: Path, **more: object) -> Path:
    """The output folder of a build that is not run."""
    request = BuildRequest(boards.load(board), folder / "out", model, project=project, run=False, **more)  # type: ignore[arg-type]
    build_task.run_build(request, quiet)
    return folder / "out"


def call(*command: str, folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
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


def test_cmake_makes_a_library_for_a_core(tmp_path: Path, model: Path) -> None:
    """For a chip that has no board file: the network and its kernels, by the core's calling convention."""
    need("cmake", "arm-none-eabi-gcc")
    project = build("cortex-m4f", "cmake", tmp_path, model, name="mine") / "project"
    call("cmake", "--preset", "firmware", folder=project)
    call("cmake", "--build", "--preset", "firmware", "--target", "tinyprune_mine", folder=project)
    library = project / "build/libtinyprune_mine.a"
    said = subprocess.run(["arm-none-eabi-nm", "-g", library], capture_output=True, text=True, check=True).stdout
    defined = set(re.findall(r" [TWRD] (\w+)", said))
    assert {"mine_init", "mine_invoke", "mine_input", "mine_output", "mine_reset"} <= defined
    assert all(re.match(r"mine_|tp_\w+_[0-9a-f]{8}$", name) for name in defined)
    others = set(re.findall(r" U (\w+)", said)) - defined
    assert {name for name in others if not name.startswith("__aeabi_")} <= {"memcpy", "memset", "memmove"}
    attributes = subprocess.run(["arm-none-eabi-readelf", "-A", library], capture_output=True, text=True, check=True)
    assert "Tag_ABI_VFP_args: VFP registers" in attributes.stdout


def test_cmake_project_is_a_library_in_another_one(tmp_path: Path, model: Path) -> None:
    need("cmake", "gcc")
    out = build("host", "cmake", tmp_path, model)
    (tmp_path / "main.c").write_text(
        '#include "network.h"\nstatic _Alignas(16) uint8_t arena[TP_NETWORK_ARENA_BYTES];\n'
        "int main(void) { tp_network_run(arena); return 0; }\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.21)\nproject(mine C)\nadd_subdirectory({out / 'project'} network)\n"
        "add_executable(mine main.c)\ntarget_link_libraries(mine PRIVATE tinyprune_tiny)\n"
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


@pytest.mark.parametrize("name", boards.names())
def test_every_board_has_every_project_or_is_told_why_not(name: str, model: Path) -> None:
    board = boards.load(name)
    program = lower.lower(reader.read(model.read_bytes()), board)
    source = codegen.generate(program, "tiny")
    for project, kind in projects.PROJECTS.items():
        if kind.refusal(board) is None:
            projects.check(project, board)
            assert kind.make(program, source, "tiny").files
        else:
            with pytest.raises(UsageError, match=rf"^--project {project}: (the PC|PlatformIO|ESP32 chips) "):
                projects.check(project, board)


@pytest.mark.parametrize("project", projects.PROJECTS)
def test_every_file_says_whose_it_is(project: str, model: Path) -> None:
    """Licence and origin; what is copied as it is says the former."""
    board = boards.load("cortex-m3" if project == "espidf" else "nano33")
    program = lower.lower(reader.read(model.read_bytes()), board)
    made = projects.PROJECTS[project].make(program, codegen.generate(program, "tiny"), "tiny")
    assert any(path.split("/")[-1] == "README.md" for path in made.files)
    copied = re.compile(r"port/.*|(.*/)?(app|runtime|src|Benchmark|include|main)/.*\.[ch]|(.*/)?LICENSE")
    for path, text in made.files.items():
        head = "\n".join(text.splitlines()[:14])
        assert "Apache-2.0" in head or "Apache License" in head or path.endswith("library.properties"), path
        assert "Made by tinyprune" in head or copied.fullmatch(path), path
    for path in made.yours:
        assert "yours to change" in made.files[path]
    readme = next(text for path, text in made.files.items() if path.endswith("README.md"))
    for part in ("Made by tinyprune", "## Build", "lash", "## Change the model", "## Licence", "tiny_invoke(arena)"):
        assert part in readme
    assert "{{ " not in "".join(made.files.values())


def test_the_firmware_is_the_same_whatever_the_project(tmp_path: Path, model: Path) -> None:
    images = {
        (build("nano33", project, tmp_path / project, model) / "firmware.elf").read_bytes()
        for project in projects.PROJECTS
        if project != "espidf"  # not for this core
    }
    assert len(images) == 1


def test_an_unknown_project_is_refused_with_those_there_are(tmp_path: Path, model: Path) -> None:
    with pytest.raises(UsageError, match='unknown project "make"; known: bare, arduino, platformio, cmake'):
        build("nano33", "make", tmp_path, model)


def test_the_commands_of_the_docs_work(tmp_path: Path, model: Path) -> None:
    """All but those of tools that cannot be here; only the model is a smaller one."""
    need("cmake", "arm-none-eabi-gcc")
    page = (Path(__file__).parents[2] / "docs/projects.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lines = [line for block in blocks for line in ("cd $START", *block.splitlines())]
    run = [line for line in lines if line.split()[0] not in ("arduino-cli", "pio", "west")]
    assert sum(line.startswith("tinyprune build") for line in run) == 4
    small = f'tinyprune() {{ {sys.executable} -m tinyprune "$@" --model {model} --compiler gcc -q; }}'
    script = "\n".join(["set -euo pipefail", "START=$PWD", small, *run])
    call("bash", "-c", script, folder=tmp_path)
    assert (tmp_path / "build/nano33/project/platformio.ini").is_file()
