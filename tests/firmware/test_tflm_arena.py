"""TFLite Micro's arena, measured by booting firmware that is made up here; what linkers say; profiles by layer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import networks
from tinyprune.compiler import lower, reader
from tinyprune.device import boards
from tinyprune.device.emulators import LayerProfile
from tinyprune.device.firmware import FirmwareImage
from tinyprune.errors import DoesNotFit, ModelError, TargetError, UsageError
from tinyprune.firmware import build, tflm
from tinyprune.firmware.tflm import arena, compile, source
from tinyprune.firmware.tflm.operators import RESOLVER
from tinyprune.firmware.tflm.tree import Tree
from tinyprune.measure.report import by_layer

BOARD = boards.load("nano33")
TREE = Tree(Path("/tree"), (), Path("/tree/lib.a"), frozenset())
READY = b"m-ready\r\n"


class Firmware:
    """Builds images that boot where the arena has `enough`, in pieces as a serial line sends them."""

    def __init__(self, enough: int, used: int, refusal: bytes = b"the arena is too small") -> None:
        self.enough, self.used, self.refusal = enough, used, refusal
        self.tried: list[int] = []

    def make(self, arena_bytes: int) -> FirmwareImage:
        self.tried.append(arena_bytes)
        return FirmwareImage(BOARD.name, "", "gcc", Path(), 0, arena_bytes)

    def start(self, image: FirmwareImage, _board: boards.Board, *, profile: bool = False) -> Any:
        assert not profile
        good = b"m-arena-used-[%d]\r\nm-init-done\r\n" % self.used
        return Link((good if image.ram_bytes >= self.enough else b"e-[" + self.refusal + b"]\r\n") + READY)

    def fit(self, needed_bytes: int = 1000) -> arena.Built:
        return arena.fit(self.make, self.start, BOARD, needed_bytes)


class Link:
    def __init__(self, text: bytes) -> None:
        self.pieces = [text[i : i + 7] for i in range(0, len(text), 7)]

    def read(self, _timeout_s: float) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        pass


def test_what_it_uses_and_16_bytes() -> None:
    firmware = Firmware(enough=5000, used=5001)
    assert firmware.fit().arena_bytes == 5024
    assert firmware.tried[0] > 200_000
    assert firmware.tried[1:] == [5024]


def test_more_where_planning_needs_it() -> None:
    firmware = Firmware(enough=6000, used=5008)
    built = firmware.fit()
    assert built.arena_bytes == built.image.ram_bytes == 5024 + 2 * 512


def test_an_arena_that_the_board_has_not() -> None:
    with pytest.raises(
        DoesNotFit, match=r"one layer's maps take 300,000 bytes of TFLite Micro's arena, the board has 25"
    ):
        Firmware(0, 0).fit(300_000)
    with pytest.raises(
        DoesNotFit, match=r"needs more than the 25.* bytes of RAM.*it said: e-\[the arena is too small\]"
    ):
        Firmware(1 << 20, 0).fit()


def test_a_project_without_a_tree_for_a_board_too_small() -> None:
    assert BOARD.ram is not None
    model = networks.ds_cnn()
    program = lower.lower(reader.read(model), replace(BOARD, ram=replace(BOARD.ram, bytes=7_680)))
    with pytest.raises(DoesNotFit, match="nano33: one layer's maps take 1,680 bytes of TFLite Micro's arena, the boar"):
        tflm.unbuilt_project(program, tflm.dense(model, program), "m", tflm.choose(model, program))


def test_another_refusal() -> None:
    with pytest.raises(TargetError, match=r"does not start the network on nano33: e-\[made by a newer tinyprune\]"):
        Firmware(1 << 20, 0, b"made by a newer tinyprune").fit()


def test_an_arena_that_takes_all_there_is() -> None:
    firmware = Firmware(enough=255_900, used=255_800)
    assert firmware.fit().arena_bytes == firmware.tried[0] == firmware.tried[-1]


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            "a.o uses VFP register arguments, b.o does not",
            UsageError,
            r"another floating-point ABI than nano33 has \(co",
        ),
        ("x.cc: undefined reference to `tflite::X'", UsageError, "do not go together.*undefined reference to"),
        ("fatal error: tensorflow/x.h: No such file or directory", UsageError, r"at /tree do not go together.*x\.h"),
        ("error: expected ';'", ModelError, "please report"),
    ],
)
def test_what_the_linker_says(monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception], message: str) -> None:
    def refuse(*_arguments: object) -> None:
        raise ModelError(f"the compiler refused the generated code; please report this. g++ said:\n{said}")

    monkeypatch.setattr(build, "run_compiler", refuse)
    with pytest.raises(kind, match=f"(?s){message}"):
        compile._run([], Path(), BOARD, TREE)


def test_the_sources_name_what_the_model_needs() -> None:
    model = networks.ds_cnn()
    program = lower.lower(reader.read(model), BOARD)
    network = tflm.sparse(model, tflm.choose(model, program))
    kinds = {one.kind for one in network.operators} - {"CUSTOM"}
    tree = Tree(Path("/tree"), (), Path("/tree/lib.a"), frozenset(f"Register_{kind}Ev" for kind in RESOLVER))
    files = source.generate(program, network, 'a "model"', tree, 5024).files
    text = files["network/network.cc"]
    assert f"MicroMutableOpResolver<{len(kinds) + 1}>" in text
    assert "AddCustom(TP_TFLM_OPERATOR, &sparse)" in text
    assert "AddSoftmax()" in text
    assert "AddPack" not in text
    assert "RegisterDebugLogCallback" not in text
    assert "#define TP_NETWORK_ARENA_BYTES 5024" in files["network/network.h"]
    assert 'TP_NETWORK_NAME "a _model_"' in files["network/network.h"]
    assert f"tp_model[{len(network.model)}]" in files["network/model_data.h"]
    assert files["network/model_data.cc"].partition("{")[2].count(",") == len(network.model)
    assert "runtime/src/tp_conv_2d_s8_pairs_dsp.c" in files
    assert "runtime/src/tp_softmax_s8_dense_c.c" not in files
    assert {"app/main.c", "app/system.c", "port/link.ld", "runtime/tflm/tp_tflm_sparse.cc"} <= set(files)
    dense = source.generate(program, tflm.dense(model, program), "m", tree, 5024).files
    assert not any(path.startswith("runtime/") for path in dense)
    assert "kernels.inc" not in dense["network/network.cc"]


def test_a_reshape_counts_to_the_layer_before() -> None:
    runs = [LayerProfile("conv_1", 10, 20), LayerProfile("reshape_1", 1, 2), LayerProfile("softmax_1", 5, 6)]
    assert by_layer(runs, ["conv_1", "softmax_1"]) == [LayerProfile("conv_1", 11, 22), LayerProfile("softmax_1", 5, 6)]
    counted = [LayerProfile("conv_1", 10, None), LayerProfile("reshape_1", 1, None)]
    assert by_layer(counted, ["conv_1"]) == [LayerProfile("conv_1", 11, None)]
    with pytest.raises(TargetError, match="the profile has 2 layers, the network 3"):
        by_layer(runs, ["conv_1", "conv_2", "softmax_1"])


def test_the_input_has_its_place_beside_the_arena() -> None:
    board = boards.load("nano33")
    assert arena.largest_bytes(board, 0) - arena.largest_bytes(board, 0, 9216) == 9216
