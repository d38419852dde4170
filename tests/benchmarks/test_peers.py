"""The benchmark end to end on small networks: real compilers, the emulator, TFLite Micro's bytes, QEMU where it is."""

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import cmsis_nn, measure, parts, peers, qemu, table
from benchmarks.comparison import Comparison
from tests import networks
from tinyprune.compiler import reader
from tinyprune.device import boards
from tinyprune.errors import MissingDependency, ModelError, UsageError
from tinyprune.firmware import toolchain

BOARD = boards.load("nano33")


@pytest.fixture(autouse=True)
def no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """TFLite Micro's row has its own tests, in test_tflm.py."""
    monkeypatch.delenv("TFLM_ROOT", raising=False)


needs_bakenn = pytest.mark.skipif(importlib.util.find_spec("bakenn") is None, reason="bakenn is not installed")
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)


def compare(model: bytes, compiler: str, *patterns: str) -> Comparison:
    variants: list[measure.Variant] = [(pattern, "speed") for pattern in patterns]
    return measure.compare(model, "small", BOARD, compiler, variants, lambda _stage: None)


@needs_bakenn
@needs_matplotlib
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_the_command_on_a_small_network(tmp_path: Path) -> None:
    model, out = tmp_path / "net.tflite", tmp_path / "out"
    model.write_bytes(networks.ds_cnn(pruned=False))
    arguments = ["--model", str(model), "-o", str(out), "--pattern", "dense", "--pattern", "2:4", "--no-size"]
    done = CliRunner().invoke(peers.main, arguments)
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == {"overview.svg", "peers.json", "peers.png", "peers.svg"}
    found = table.from_json(out / "peers.json")
    assert table.network(found) in done.output
    check_rows(found)
    drawn = [(out / name).read_bytes() for name in ("overview.svg", "peers.png", "peers.svg")]
    assert CliRunner().invoke(peers.main, ["--redraw", "-o", str(out)]).exit_code == 0
    assert [(out / name).read_bytes() for name in ("overview.svg", "peers.png", "peers.svg")] == drawn


@needs_bakenn
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_a_folder_of_networks_on_several_boards(tmp_path: Path) -> None:
    models, out = tmp_path / "models", tmp_path / "out"
    models.mkdir()
    (models / "a.tflite").write_bytes(networks.one_dense(16, 8))
    (models / "b.tflite").write_bytes(networks.one_dense(16, 8)[:200])
    m3 = str(peers.ROOT / "benchmarks/boards/m3.toml")
    done = CliRunner().invoke(peers.main, [str(models), "--board", "nano33", "--board", m3, "-o", str(out)])
    assert done.exit_code == 0, done.output
    found = json.loads((out / "networks.json").read_text())
    assert [(one["model"], one["board"]) for one in found["networks"]] == [("a", "nano33"), ("a", "m3")]
    assert list(found["left_out"]) == ["b.tflite on nano33", "b.tflite on m3"]
    lines = [line.split(" | ") for line in done.output.splitlines() if line.startswith("| `a`")]
    assert [(line[1], line[3], line[-1]) for line in lines] == [
        (board, "dense", "64 of 64 |") for board in ("nano33", "m3") for _ in range(2)
    ]


@pytest.mark.parametrize("arguments", [[".", "--redraw"], ["--board", "nano33", "--board", "pico"]])
def test_options_of_one_network_and_of_a_folder(arguments: list[str]) -> None:
    done = CliRunner().invoke(peers.main, arguments)
    assert done.exit_code == 2
    assert "error: " in done.output


def check_rows(found: Comparison) -> None:
    peer, dense, pruned = found.rows
    assert found.peer == peer
    for row in found.rows:
        assert row.inputs_equal == row.inputs_compared == 64
        assert 0 < sum(layer.instructions for layer in row.layers) <= row.instructions
        assert [layer.name for layer in row.layers] == [layer.name for layer in peer.layers]
        assert (row.qemu_instructions is not None) == qemu.installed()
    assert pruned.modelled_cycles < dense.modelled_cycles < peer.modelled_cycles
    assert dense.zeros < 0.02
    assert pruned.zeros == pytest.approx(0.5, abs=0.03)
    assert {layer.kernel for layer in peer.layers} == {
        "arm_convolve_wrapper_s8", "arm_depthwise_conv_wrapper_s8", "arm_fully_connected_s8", "arm_avgpool_s8",
        "tp_softmax_s8_dense_c",
    }  # fmt: skip


@needs_bakenn
@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_the_peer_is_right_with_odd_sizes_and_paddings(compiler: str) -> None:
    """Asymmetric padding, RELU6, an output zero point, strides of two kinds."""
    peer = compare(networks.every_operator(pruned=False), compiler).rows[0]
    assert peer.inputs_equal == peer.inputs_compared == 64


@pytest.mark.compiler
@pytest.mark.emulator
def test_parts_add_up_to_the_layers(compiler: str) -> None:
    model = networks.ds_cnn()
    found = parts.measure(model, BOARD, compiler, "2:4")
    graph = reader.read(model, "small")
    assert {part.layer for part in found} <= {op.name for op in graph.ops}
    text = parts.markdown(found)
    multiplied = [part for part in found if part.cycles["multiply"] and part.macs]
    assert multiplied
    for part in found:
        assert set(part.cycles) <= {*parts.KINDS, parts.OTHER}
    assert f"{found[0].cycles.total():,}" in text


@pytest.mark.parametrize(
    ("mnemonic", "kind"),
    [
        ("smlad", "multiply"), ("smlabb", "multiply"), ("mla", "multiply"), ("smmla", "requantize"),
        ("ssat", "requantize"), ("ldr.w", "load"), ("ldm.w", "load"), ("pop", "load"), ("strb.w", "store"),
        ("push", "store"), ("bne.w", "branch"), ("bl", "branch"), ("cbz", "branch"), ("bic.w", "other"),
        ("bfi", "other"), ("sxtb16", "other"), ("add", "other"),
    ],
)  # fmt: skip
def test_kinds_of_instructions(mnemonic: str, kind: str) -> None:
    assert parts.kind_of(mnemonic) == kind


@pytest.mark.compiler
@pytest.mark.emulator
@pytest.mark.tflm
def test_without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not installed is left out and said, not made up."""
    missing = MissingDependency("no CMSIS-NN to compare with: `pip install bakenn`")

    def refuse() -> cmsis_nn.Sources:
        raise missing

    monkeypatch.setattr(cmsis_nn, "sources", refuse)
    monkeypatch.setattr(qemu, "installed", lambda: False)
    found = compare(networks.one_dense(16, 8), "zig", "dense")
    assert found.peer is None
    assert found.rows[0].qemu_instructions is None
    assert str(missing) in found.left_out
    assert "qemu-system-arm is not installed" in found.left_out[-1]
    assert found.speed_up(found.rows[0]) is None


def test_a_wrong_checkout_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cmsis_nn.ROOT_VARIABLE, str(tmp_path))
    with pytest.raises(UsageError, match=r"no Include/arm_nnfunctions\.h there"):
        cmsis_nn.sources()


@needs_bakenn
def test_the_peer_refuses_what_cmsis_nn_cannot_do() -> None:
    from tests import tflite_models as t

    rows = networks.weights(networks.np.random.default_rng(0), 4, 8)
    model = t.model(t.Input((8,)), [t.Dense(weights=rows, weight_scales=[0.01, 0.02, 0.03, 0.04])])
    with pytest.raises(ModelError, match="has no function for these layers of the network: FullyConnected"):
        cmsis_nn.generate(reader.read(model, "m"), BOARD, "m", cmsis_nn.sources())


def test_the_peer_is_compiled_for_speed() -> None:
    ours = toolchain.find(BOARD, "zig")
    theirs = cmsis_nn.compiler_for(ours, cmsis_nn.Sources("x", {}, ("-DX",)))
    assert [flag for flag in theirs.compile_flags if flag.startswith("-O")] == ["-O2"]
    for_all = {flag for flag in ours.compile_flags if not flag.startswith(("-W", "-O", "-Xclang"))}
    assert for_all < set(theirs.compile_flags)
    assert "-Xclang" not in theirs.compile_flags
    assert theirs.link_flags == ours.link_flags


def test_mistakes_on_the_command_line(tmp_path: Path) -> None:
    for arguments, message in (
        (["--board", "nano3"], 'did you mean "nano33"'),
        (["--model", str(tmp_path / "none.tflite")], "none.tflite"),
        (["--redraw", "-o", str(tmp_path)], "is no result of"),
    ):
        model = [] if "--model" in arguments or "--redraw" in arguments else ["--model", str(_model(tmp_path))]
        done = CliRunner().invoke(peers.main, [*arguments, *model])
        assert done.exit_code in (1, 2)
        assert message in done.output


def _model(folder: Path) -> Path:
    path = folder / "net.tflite"
    path.write_bytes(networks.one_dense(8, 4))
    return path
