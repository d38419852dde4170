"""`build --project platformio`: PlatformIO itself builds it, on a platform that stands in for the board's.

The packages of real platforms come from a registry that tests cannot reach. So PlatformIO (a wheel) runs on SCons (a
wheel) and a platform of ours, by the name that platformio.ini asks for: it reads the configuration, finds the library,
compiles and links, and the result answers in the emulator.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests import networks
from tests.firmware.arduino import standin
from tinyprune import files
from tinyprune.compiler import lower, oracle, reader, samples
from tinyprune.device import boards
from tinyprune.device.emulators import EMULATORS
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import UsageError
from tinyprune.firmware import codegen, projects
from tinyprune.measure import benchmark
from tinyprune.tasks import build as build_task
from tinyprune.tasks.build import BuildRequest

pytestmark = pytest.mark.compiler

HERE = Path(__file__).parent
KNOWN = [name for name in boards.names() if boards.load(name).platformio]


def build(board: str, folder: Path, project: str = "platformio") -> Path:
    """The project folder of a build that is not run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kws.tflite").write_bytes(networks.ds_cnn())
    request = BuildRequest(boards.load(board), folder / project, folder / "kws.tflite", project=project, run=False)
    build_task.run_build(request, lambda _stage: None)
    return folder / project / "project"


def pio(*arguments: str, home: Path, folder: Path) -> str:
    environment = {**os.environ, "PLATFORMIO_CORE_DIR": str(home), "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no"}
    command = [sys.executable, "-m", "platformio", "--no-ansi", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(package: Path, kind: str, name: str, version: str) -> None:
    """Makes PlatformIO believe that it has downloaded a package."""
    spec = {"owner": "platformio", "id": None, "name": name, "requirements": None, "uri": None}
    about = {"type": kind, "name": name, "version": version, "spec": spec}
    (package / ".piopm").write_text(json.dumps(about))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """PlatformIO's folder, with SCons and the stand-in of the platform."""
    from platformio.dependencies import get_core_dependencies

    scons, platform = tmp_path / "home/packages/tool-scons", tmp_path / "home/platforms/nordicnrf52"
    scons.mkdir(parents=True)
    spec = find_spec("SCons")
    assert spec is not None
    assert spec.submodule_search_locations
    (scons / "SCons").symlink_to(spec.submodule_search_locations[0])
    (scons / "scons.py").write_text(
        "import pathlib, sys\nsys.path.insert(0, str(pathlib.Path(__file__).parent))\n"
        "from SCons.Script.Main import main\nmain()\n"
    )
    version = get_core_dependencies()["tool-scons"].lstrip("~^=")
    (scons / "package.json").write_text(json.dumps({"name": "tool-scons", "version": version}))
    install(scons, "tool", "tool-scons", version)
    shutil.copytree(HERE / "platform", platform)
    install(platform, "platform", "nordicnrf52", "0.0.1")
    return tmp_path / "home"


@pytest.mark.emulator
@pytest.mark.tflm
def test_pio_run_makes_firmware_that_answers_as_tflite_micro(tmp_path: Path, home: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    firmware = build("nano33", tmp_path, "bare")
    framework = home / "platforms/nordicnrf52/framework"
    shutil.copytree(firmware / "port", framework / "port")
    shutil.copy(firmware / "app/port.h", framework / "port")
    renamed = "".join(f"#define {name.removeprefix('-D').replace('=', ' ')}\n" for name in standin.RENAMED)
    (framework / "port/port.c").write_text(renamed + (firmware / "port/port.c").read_text())
    shutil.copytree(standin.HERE, framework / "api")
    project = build("nano33", tmp_path)
    said = pio("run", home=home, folder=project)
    assert "|-- tinyprune_kws @" in said
    assert "warning" not in said.lower()
    board, model = boards.load("nano33"), networks.ds_cnn()
    graph = reader.read(model)
    image = FirmwareImage("nano33", graph.model_sha256, "", project / ".pio/build/nano33ble/firmware.elf", 0, 0)
    inputs = samples.make(graph, 16)
    np.testing.assert_array_equal(
        benchmark.outputs(EMULATORS["sim"], image, board, inputs), oracle.infer(model, inputs)
    )


@pytest.mark.parametrize("board", KNOWN)
def test_platformio_understands_the_configuration(tmp_path: Path, board: str) -> None:
    program = lower.lower(reader.read(networks.ds_cnn()), boards.load(board))
    project = projects.PROJECTS["platformio"].make(program, codegen.generate(program, "kws"), "kws")
    files.write_files(project.files, tmp_path)
    # PlatformIO 6.2 prints Python here
    linted = ast.literal_eval(pio("project", "config", "--lint", "--json-output", home=tmp_path, folder=tmp_path))
    assert linted == {"errors": [], "warnings": []}
    [[section, pairs]] = json.loads(pio("project", "config", "--json-output", home=tmp_path, folder=tmp_path))
    known = program.board.platformio
    assert known is not None
    assert section == f"env:{known.board}"
    assert dict(pairs) == {
        "platform": known.platform,
        "board": known.board,
        "framework": ["arduino"],
        "monitor_speed": 115200,
    }


def test_the_registry_would_take_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By PlatformIO's own check of library.json, which `pio pkg publish` makes; it fetches the list of licences."""
    from platformio.package.manifest.parser import ManifestParserFactory
    from platformio.package.manifest.schema import ManifestSchema

    known = {"licenses": [{"licenseId": "Apache-2.0"}]}
    monkeypatch.setattr(ManifestSchema, "load_spdx_licenses", staticmethod(lambda: known))
    manifest = build("nano33", tmp_path) / "lib/tinyprune_kws/library.json"
    about = ManifestSchema().load_manifest(ManifestParserFactory.new_from_file(str(manifest)).as_dict())
    assert {"name", "version", "description", "keywords", "authors", "homepage", "license"} <= set(about)
    assert about["authors"][0]["email"] == "you@example.com"


def test_a_board_that_platformio_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--project platformio: .* host: its board file has no table \[platformio\]"):
        build("host", tmp_path)
