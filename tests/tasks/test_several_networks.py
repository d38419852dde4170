"""Several generated networks in one program: they compile, link, share kernels, and answer as TFLite Micro."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests import networks
from tests.graphs import NETWORKS
from tinyprune.compiler import oracle, reader, samples
from tinyprune.device import boards
from tinyprune.errors import UsageError
from tinyprune.firmware import codegen, names
from tinyprune.resources import FIRMWARE_TEMPLATES
from tinyprune.tasks.build import BuildRequest, run_build

pytestmark = pytest.mark.compiler
ZIG = [sys.executable, "-m", "ziglang"]
STRICT = ["-Wall", "-Wextra", "-Werror"]
TURNS = 4
#: Networks with convolutions in common; the second has several inputs and outputs, the third remembers.
FILES = {
    "kws": lambda: networks.ds_cnn(),
    "twins": lambda: NETWORKS["two_by_two"]().file,
    "Stream": lambda: NETWORKS["streaming"]().file,
}

MAIN = """
#include <stdio.h>
#include "tinyprune_kws.h"
#include "tinyprune_twins.h"
#include "tinyprune_Stream.h"
#include "tinyprune_kws.h"

/* Networks that keep nothing take turns in one arena. */
#ifdef __cplusplus
#define ALIGNED alignas(16)
#define STATIC_ALIGNED alignas(16) static
static_assert(KWS_STATE_BYTES == 0 && TWINS_STATE_BYTES == 0 && STREAM_STATE_BYTES > 0, "");
#else
#define ALIGNED _Alignas(16)
#define STATIC_ALIGNED static _Alignas(16)
#endif
static union {
    ALIGNED uint8_t kws[KWS_ARENA_BYTES];
    uint8_t twins[TWINS_ARENA_BYTES];
} shared;
STATIC_ALIGNED uint8_t own[STREAM_ARENA_BYTES];

#define READ(input, bytes, zero_point, scale, type) \\
    if (fread(input(arena), 1, bytes, stdin) != bytes) return 1;
#define WRITE(output, bytes, zero_point, scale, type) fwrite(output(arena), 1, bytes, stdout);
#define RUN(network, NETWORK, memory) do { \\
        void *arena = memory; \\
        NETWORK##_EACH_INPUT(READ) \\
        network##_invoke(arena); \\
        NETWORK##_EACH_OUTPUT(WRITE) \\
    } while (0)

int main(void) {
    if (kws_init(shared.kws) != 0 || twins_init(shared.twins) != 0 || Stream_init(own) != 0) return 2;
    if (kws_init(shared.kws + 1) != -1) return 3;
    for (int turn = 0; turn < TURNS; turn++) {
        RUN(kws, KWS, shared.kws);
        RUN(twins, TWINS, shared.twins);
        RUN(Stream, STREAM, own);
    }
    Stream_reset(own);
    RUN(Stream, STREAM, own);
    return KWS_ABI_VERSION == 1 && KWS_INPUT_BYTES == KWS_INPUT_COUNT ? 0 : 4;
}
"""


def build(folder: Path, model: str, board: str, project: str, name: str | None = None) -> Path:
    """The project of one network, not run."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{model}.tflite"
    path.write_bytes(FILES[model]())
    request = BuildRequest(boards.load(board), folder / "out", path, project=project, name=name, run=False)
    run_build(request, lambda _stage: None)
    return folder / "out/project"


def check_answers(program: Path, folder: Path) -> None:
    """Each network gets `TURNS` inputs in turn, and the one that remembers its first one again after a reset."""
    models = [(folder / name / f"{name}.tflite").read_bytes() for name in FILES]
    inputs = [samples.make(reader.read(model), TURNS) for model in models]
    expected = [oracle.infer(model, some) for model, some in zip(models, inputs, strict=True)]

    def in_turn(each: list) -> bytes:
        rows = [some[turn].tobytes() for turn in range(TURNS) for some in each]
        return b"".join([*rows, each[-1][0].tobytes()])

    done = subprocess.run([program], input=in_turn(inputs), capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout == in_turn(expected)


def kernels(program: Path) -> list[str]:
    """The symbols of kernels in a linked program."""
    with program.open("rb") as file:
        symbols = list(ELFFile(file).get_section_by_name(".symtab").iter_symbols())
    functions = [symbol.name for symbol in symbols if symbol["st_info"]["type"] == "STT_FUNC"]
    return [name for name in functions if re.fullmatch(r"tp_\w+_[0-9a-f]{8}", name)]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Arduino library of each network, in folders of their names."""
    folder = tmp_path_factory.mktemp("libraries")
    for name in FILES:
        build(folder / name, name, "nano33", "arduino")
    return folder


def compile_all(compilers: dict[str, list[str]], folder: Path, to: Path) -> Path:
    """As the Arduino tools do: every source of each library, and a sketch in C++, into objects, all of which are
    linked; returns the program."""
    objects = []
    sources = {name: sorted((folder / name).glob("out/project/*/src")) for name in FILES}
    for name, (source,) in sources.items():
        (to / name).mkdir()
        files = [str(path) for path in sorted(source.rglob("*.c"))]
        subprocess.run([*compilers["c"], "-c", f"-I{source}", *files], cwd=to / name, check=True)
        objects += sorted(str(path) for path in (to / name).glob("*.o"))
    (to / "main.cpp").write_text(MAIN)
    includes = [f"-I{source}" for (source,) in sources.values()]
    turns = f"-DTURNS={TURNS}"
    command = [*compilers["c++"], *STRICT, turns, *includes, "-c", "main.cpp", "-o", "main.o"]
    subprocess.run(command, cwd=to, check=True)
    subprocess.run([*compilers["link"], "main.o", *objects, "-o", "program"], cwd=to, check=True)
    return to / "program"


@pytest.mark.tflm
def test_arduino_libraries_in_one_sketch_answer_right(libraries: Path, tmp_path: Path) -> None:
    """The same C on the PC, where kernels run without Arm's instructions."""
    compilers = {"c": [*ZIG, "cc", "-mcpu=baseline", "-O1"], "c++": [*ZIG, "c++", "-std=c++14"], "link": [*ZIG, "c++"]}
    program = compile_all(compilers, libraries, tmp_path)
    check_answers(program, libraries)
    found = kernels(program)
    assert len(found) == len(set(found)) > 5


def test_arduino_libraries_in_one_sketch_link_for_arm(libraries: Path, tmp_path: Path) -> None:
    """With every kernel once in flash: what more than one network calls is linked as one function."""
    if shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("compiler gcc for Arm is not installed")
    cpu = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-Os", "-ffunction-sections"]
    compilers = {
        "c": ["arm-none-eabi-gcc", *cpu],
        "c++": ["arm-none-eabi-g++", *cpu, "-std=c++14"],
        "link": ["arm-none-eabi-g++", *cpu, "--specs=nosys.specs", "-Wl,--gc-sections"],
    }
    found = kernels(compile_all(compilers, libraries, tmp_path))
    assert len(found) == len(set(found)) > 5


@pytest.mark.tflm
def test_cmake_packages_in_one_program_answer_right(tmp_path: Path) -> None:
    for tool in ("cmake", "gcc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    lines = ["cmake_minimum_required(VERSION 3.21)", "project(mine C)", "add_executable(mine main.c)"]
    lines.append(f"target_compile_definitions(mine PRIVATE TURNS={TURNS})")
    for name in FILES:
        lines.append(f"add_subdirectory({build(tmp_path / name, name, 'host', 'cmake')} {name})")
        lines.append(f"target_link_libraries(mine PRIVATE tinyprune_{name})")
    (tmp_path / "CMakeLists.txt").write_text("\n".join([*lines, ""]))
    (tmp_path / "main.c").write_text(MAIN)
    for command in (["cmake", "-B", "build", "."], ["cmake", "--build", "build"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    check_answers(tmp_path / "build/mine", tmp_path)


def test_two_networks_of_one_name_are_told(tmp_path: Path) -> None:
    """By CMake, and by the headers: the second one is not passed over without a word."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    one = build(tmp_path / "a", "kws", "host", "cmake")
    other = build(tmp_path / "b", "twins", "host", "cmake", name="kws")
    message = "networks are called kws: build one of them with another --name"
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.21)\nproject(mine C)\n"
        f"add_subdirectory({one} a)\nadd_subdirectory({other} b)\n"
    )
    done = subprocess.run(["cmake", "-B", "build", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert message in " ".join(done.stderr.split())
    (tmp_path / "x.c").write_text("".join(f'#include "{path}/network/tinyprune_kws.h"\n' for path in (one, other)))
    done = subprocess.run([*ZIG, "cc", "-c", "x.c"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert message in done.stderr


def test_two_arduino_libraries_of_one_name_are_told(tmp_path: Path) -> None:
    found = [build(tmp_path / name, name, "nano33", "arduino", name="kws") for name in ("kws", "twins")]
    headers = [path / "tinyprune_kws/src/tinyprune_kws.h" for path in found]
    (tmp_path / "x.c").write_text("".join(f'#include "{path}"\n' for path in headers))
    done = subprocess.run([*ZIG, "cc", "-c", "x.c"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "networks are called kws: build one of them with another --name" in done.stderr


def test_kernels_of_different_versions_stand_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another tinyprune generated does not get the kernels of this one."""
    one = build(tmp_path / "a", "kws", "host", "bare")
    copied = codegen.copied

    def newer(folder: str, target: str) -> dict[str, str]:
        return {path: f"{text}\n/* newer */\n" for path, text in copied(folder, target).items()}

    monkeypatch.setattr(codegen, "copied", newer)
    other = build(tmp_path / "b", "kws", "host", "bare", name="kws2")
    (tmp_path / "main.c").write_text(
        '#include "tinyprune_kws.h"\n#include "tinyprune_kws2.h"\n'
        "static _Alignas(16) uint8_t arena[KWS_ARENA_BYTES + KWS2_ARENA_BYTES];\n"
        "int main(void) { kws_invoke(arena); kws2_invoke(arena); return 0; }\n"
    )
    objects = []
    for project in (one, other):
        sources = [path for part in ("network", "runtime/src") for path in (project / part).glob("*.c")]
        command = [*ZIG, "cc", "-c", f"-I{project}/runtime/include", *map(str, sources)]
        (to := project / "objects").mkdir()
        subprocess.run(command, cwd=to, check=True)
        objects += [str(path) for path in to.glob("*.o")]
    includes = [f"-I{project}/network" for project in (one, other)]
    subprocess.run([*ZIG, "cc", *includes, "main.c", *objects, "-o", "mine"], cwd=tmp_path, check=True)
    names = re.findall(rb"\0(tp_conv_2d_\w+)_([0-9a-f]{8})\0", (tmp_path / "mine").read_bytes())
    assert {name for name, _ in names}
    assert len({version for _, version in names}) == 2


def test_every_kernel_gets_its_symbol_from_the_header() -> None:
    """A source that does not reach tp_names.h would keep its plain name, and clash with that of another network."""
    runtime = FIRMWARE_TEMPLATES / "runtime"

    def included(path: Path) -> set[str]:
        direct = set(re.findall(r'#include "(\w+\.h)"', path.read_text()))
        return direct.union(*(included(runtime / "include" / name) for name in direct))

    sources = sorted((runtime / "src").glob("*.c"))
    assert [path.name for path in sources if "tp_names.h" not in included(path)] == []
    header = codegen.runtime([])["runtime/include/tp_names.h"]
    assert all(re.search(rf"^#define {path.stem} {path.stem}_[0-9a-f]{{8}}$", header, re.MULTILINE) for path in sources)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("ds-cnn-s", "ds_cnn_s"),
        ("my model (2).v1", "my_model_2_v1"),
        ("MobileNet__v2", "MobileNet_v2"),
        ("größe", "gr_e"),
        ("模型", "network"),
        ("2x4", "network_2x4"),
        ("int", "network_int"),
        ("tp_conv", "network_tp_conv"),
        ("_x", "x"),
        ("a" * 60, "a" * 40),
    ],
)
def test_names_in_c(model: str, name: str) -> None:
    assert names.c_name(model) == name
    names.check(name)
    if name != model:
        with pytest.raises(UsageError, match=f"is no name for C: .*; such as --name {name}$"):
            names.check(model)
