"""Finding TFLite Micro: each way in which a tree can be missing or wrong has its own sentence."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from tinyprune.device import boards
from tinyprune.errors import MissingDependency, UsageError
from tinyprune.firmware.tflm import tree

BOARD = boards.load("nano33")
THIRD_PARTY = "tensorflow/lite/micro/tools/make/downloads"
HEADERS = {
    "tensorflow/lite/micro/micro_interpreter.h": "size_t arena_used_bytes() const;",
    "tensorflow/lite/micro/micro_common.h": "struct TFLMRegistration {};",
    f"{THIRD_PARTY}/flatbuffers/include/flatbuffers/flatbuffers.h": "",
    f"{THIRD_PARTY}/gemmlowp/fixedpoint/fixedpoint.h": "",
    f"{THIRD_PARTY}/ruy/ruy/ruy.h": "",
}
SYMBOLS = ("_ZN6tflite16Register_CONV_2DEv", "arm_convolve_wrapper_s8", "RegisterDebugLogCallback")


def archive(*symbols: str) -> bytes:
    """The index of a static library, as GNU ar writes it."""
    names = b"".join(name.encode() + b"\0" for name in symbols)
    index = struct.pack(f">I{len(symbols)}I", len(symbols), *[0] * len(symbols)) + names
    return b"!<arch>\n" + f"{'/':<16}{0:<12}{0:<6}{0:<6}{0:<8}{len(index):<10}`\n".encode() + index


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a checkout with a library for the Cortex-M4F."""
    for variable in (tree.ROOT_VARIABLE, tree.LIBRARY_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    for path, text in HEADERS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    add_library(tmp_path, "cortex-m4+fp_release_cmsis_nn_gcc", *SYMBOLS)
    return tmp_path


def add_library(root: Path, build: str, *symbols: str) -> Path:
    path = root / f"gen/cortex_m_generic_{build}/lib" / tree.LIBRARY
    path.parent.mkdir(parents=True)
    path.write_bytes(archive(*symbols))
    return path


def test_a_tree_by_option_and_by_variable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tree.find(BOARD, root)
    assert found.symbols == set(SYMBOLS)
    assert found.has_cmsis_nn
    assert found.takes_log_callback
    assert not found.logs
    assert found.registers("CONV_2D")
    assert not found.registers("CONV")
    assert not found.registers("SOFTMAX")
    assert found.name == "TFLite Micro + CMSIS-NN (cortex_m_generic_cortex-m4+fp_release_cmsis_nn_gcc)"
    assert found.includes[0] == root
    monkeypatch.setenv(tree.ROOT_VARIABLE, str(root))
    assert tree.find(BOARD) == found


def test_headers_of_a_tree_made_by_create_tflm_tree(root: Path) -> None:
    (root / THIRD_PARTY).rename(root / "third_party")
    assert root / "third_party/flatbuffers/include" in tree.find(BOARD, root).includes


def test_of_several_libraries_the_small_one_with_cmsis_nn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for build in ("cortex-m4+fp_default_gcc", "cortex-m4+fp_release_with_logs_cmsis_nn_gcc", "cortex-m4_release_gcc"):
        add_library(root, build, "_Z11MicroPrintfPKcz")
    assert tree.find(BOARD, root).library.parent.parent.name.endswith("+fp_release_cmsis_nn_gcc")
    named = root / "gen/cortex_m_generic_cortex-m4+fp_default_gcc/lib" / tree.LIBRARY
    monkeypatch.setenv(tree.LIBRARY_VARIABLE, str(named))
    found = tree.find(BOARD, root)
    assert found.library == named
    assert found.logs
    assert not found.has_cmsis_nn


def test_no_tree_at_all(root: Path) -> None:
    message = "give --tflm-root, or set TFLM_ROOT, to a checkout.*`build --no-run` writes the project without one"
    with pytest.raises(MissingDependency, match=message):
        tree.find(BOARD)
    with pytest.raises(UsageError, match=r"--tflm-root=.*nowhere is no tree of TFLite Micro: it has no tensorflow"):
        tree.find(BOARD, root / "nowhere")


def test_the_tree_to_be_fetched_is_laid_out_as_one_that_is_there(root: Path) -> None:
    found, pinned = tree.find(BOARD, root), tree.pinned(BOARD)
    assert pinned.library == found.library.relative_to(root)
    assert pinned.includes == tuple(path.relative_to(root) for path in found.includes)
    assert (pinned.has_cmsis_nn, pinned.logs, pinned.takes_log_callback) == (True, False, True)
    assert pinned.registers("SOFTMAX")


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("tensorflow/lite/micro/micro_common.h", None, r"is too old: .*micro_common\.h has no TFLMRegistration"),
        ("tensorflow/lite/micro/micro_common.h", "struct TfLiteRegistration {};", "has no TFLMRegistration; take a"),
        ("tensorflow/lite/micro/micro_interpreter.h", "class MicroInterpreter;", "is too old: .*no arena_used_bytes"),
        (f"{THIRD_PARTY}/flatbuffers/include/flatbuffers/flatbuffers.h", None, "has no flatbuffers/include in .*third"),
    ],
)
def test_a_tree_of_the_wrong_version(root: Path, path: str, text: str | None, message: str) -> None:
    (root / path).unlink()
    if text is not None:
        (root / path).write_text(text)
    with pytest.raises(UsageError, match=message):
        tree.find(BOARD, root)


def test_a_tree_without_library(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tree.find(BOARD, root).library
    library.unlink()
    message = r"has no gen/cortex_m_generic_cortex-m4\+fp_\*/lib/libtensorflow-microlite\.a: build TFLite Micro for"
    with pytest.raises(MissingDependency, match=message):
        tree.find(BOARD, root)
    library.write_bytes(b"no archive")
    with pytest.raises(UsageError, match="is no static library with an index of symbols"):
        tree.find(BOARD, root)
    monkeypatch.setenv(tree.LIBRARY_VARIABLE, str(root / "none.a"))
    with pytest.raises(UsageError, match=r"TFLM_LIBRARY=.*none\.a: there is no such file"):
        tree.find(BOARD, root)


@pytest.mark.parametrize("name", [name for name in boards.names() if name != "host"])
def test_every_core_has_an_architecture_with_and_without_fpu(name: str) -> None:
    board = boards.load(name)
    without = replace(board, cpu=replace(board.cpu, fpu=False))
    others = {"cortex-m7": "cortex-m4+fp", "cortex-m55": "cortex-m33"}
    single_precision = others.get(board.cpu.core, board.cpu.core)
    assert tree.architecture(board).startswith(single_precision)
    assert (tree.architecture(board) == tree.architecture(without)) is not board.cpu.fpu


def test_the_pc_is_no_board_for_it(root: Path) -> None:
    with pytest.raises(UsageError, match="cortex_m_generic has no core such as that of host"):
        tree.find(boards.load("host"), root)
