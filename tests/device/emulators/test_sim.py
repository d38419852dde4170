"""The built-in emulator: its outputs, that its counts are exact, and what it does not start."""

from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import capstone
import numpy as np
import pytest
import unicorn
from unicorn import arm_const

from tests.device.emulators import firmware
from tinyprune.device import boards, cost
from tinyprune.device.boards import Reads
from tinyprune.device.emulators import EMULATORS, program, sim
from tinyprune.device.firmware import FirmwareImage
from tinyprune.device.protocol import Device
from tinyprune.errors import TargetError
from tinyprune.measure import benchmark

pytestmark = [pytest.mark.compiler, pytest.mark.emulator]
BOARD = boards.load("nano33")
INPUT = bytes((7 * i + 200) % 256 for i in range(firmware.INPUT_BYTES))
LAYERS = ("mix", "switch", "loop", "dense")


def connected(image: FirmwareImage, profile: bool = False) -> tuple[sim.SimLink, Device]:
    link = sim.start(image, BOARD, profile=profile)
    device = Device(link)
    device.connect()
    return link, device


def inferred(image: FirmwareImage, data: bytes = INPUT, profile: bool = False) -> tuple[sim.SimLink, Device]:
    link, device = connected(image, profile)
    device.load(data)
    device.infer()
    return link, device


def test_infers_what_the_network_computes(arm_image: FirmwareImage) -> None:
    inputs = np.random.default_rng(1).integers(-128, 128, (16, firmware.INPUT_BYTES), dtype=np.int8)
    seen: list[tuple[int, int]] = []
    outputs = benchmark.outputs(EMULATORS["sim"], arm_image, BOARD, inputs, lambda *done: seen.append(done))
    np.testing.assert_array_equal(outputs, [firmware.expected_output(row.tobytes()) for row in inputs])
    assert seen == [(i, 16) for i in range(1, 17)]


def test_an_input_written_into_memory_is_the_one_that_the_protocol_loads(arm_image: FirmwareImage) -> None:
    link, device = connected(arm_image)
    benchmark.write_input(link, INPUT)
    assert link.read_memory(benchmark.INPUT, 2, 3) == INPUT[2:5]
    assert device.stored_input() == INPUT
    device.infer()
    np.testing.assert_array_equal(device.output(), firmware.expected_output(INPUT))


@pytest.mark.parametrize(
    ("symbol", "message"),
    [("nothing", "has no symbol nothing"), ("main", "the firmware's main has no 4 bytes in RAM")],
)
def test_memory_that_is_not_there_is_not_written(arm_image: FirmwareImage, symbol: str, message: str) -> None:
    link, device = connected(arm_image)
    with pytest.raises(TargetError, match=message):
        link.write_memory(symbol, bytes(4))
    device.name()  # it goes on


def test_time_stands_still_without_a_profile(arm_image: FirmwareImage) -> None:
    link, device = inferred(arm_image)
    assert link.clock == "stopped"
    assert device.timestamp_us() == 0
    with pytest.raises(TargetError, match="started without profiling"):
        link.profile()


# Exact counts


def stepped_instructions(image: FirmwareImage) -> tuple[list[int], int]:
    """Instructions of one inference by a hook on every instruction: of each layer, and of tp_network_run in all.

    The hook is not called for instructions that an IT block skips; they are found as gaps between neighbours that no
    branch explains.
    """
    link, device = connected(image)
    device.load(INPUT)
    functions = {function.name: function for function in program.load(image.elf).functions}
    network = functions["tp_network_run"]
    entries = {functions[f"tp_layer_{i:02}_{name}"].start: i for i, name in enumerate(LAYERS)}
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    disassembler.detail = True
    trace: list[tuple[int, int]] = []
    back: list[int] = []
    uc = link._uc  # no public way in: nothing else needs one

    def note(_uc: unicorn.Uc, address: int, size: int, _data: object) -> None:
        if address == network.start:
            back.append(uc.reg_read(arm_const.UC_ARM_REG_LR) & ~1)
        trace.append((address, size))

    uc.hook_add(unicorn.UC_HOOK_CODE, note)
    device.infer()
    counts = [0] * len(LAYERS)
    total, owner, inside = 0, -1, False
    branches: dict[int, bool] = {}
    for (address, size), (following, _) in pairwise(trace):
        inside = (inside or address == network.start) and address not in back
        if not inside:
            continue
        if address not in branches:
            instruction = next(disassembler.disasm(bytes(uc.mem_read(address, size)), address))
            writes_pc = "pc}" in instruction.op_str or instruction.op_str.startswith("pc,")
            branches[address] = writes_pc or instruction.group(capstone.CS_GRP_JUMP) or "tb" in instruction.mnemonic
        owner = -1 if network.start <= address < network.end else entries.get(address, owner)
        number = 1
        if not branches[address] and following != address + size:
            skipped = bytes(uc.mem_read(address + size, following - address - size))
            number += len(list(disassembler.disasm(skipped, address + size)))
        total += number
        if owner >= 0:
            counts[owner] += number
    return counts, total


def test_instructions_are_exact(arm_image: FirmwareImage) -> None:
    profile = inferred(arm_image, profile=True)[0].profile()
    counts, total = stepped_instructions(arm_image)
    assert [layer.instructions for layer in profile.layers] == counts
    assert profile.instructions == total
    assert tuple(layer.name for layer in profile.layers) == LAYERS


def test_blocks_add_up_to_the_layers(arm_image: FirmwareImage) -> None:
    profile = inferred(arm_image, profile=True)[0].profile()
    sums = {name: [0, 0] for name in (*LAYERS, None)}
    for block in profile.blocks:
        each, branch = cost.split(block.instructions, cost.CORTEX_M4)
        assert 0 <= block.taken <= block.visits
        sums[block.layer][0] += block.visits * len(each)
        sums[block.layer][1] += block.visits * sum(each) + block.taken * branch
    assert [tuple(sums[name]) for name in LAYERS] == [(run.instructions, run.modelled_cycles) for run in profile.layers]
    assert sum(cycles for _, cycles in sums.values()) == profile.modelled_cycles
    assert {block.function for block in profile.blocks if block.layer is None} == {"tp_network_run"}


def test_cycles_of_a_loop_of_known_length(arm_image: FirmwareImage) -> None:
    loop = inferred(arm_image, profile=True)[0].profile().layers[2]
    assert loop.instructions == 1 + 2 * 10 + 1
    assert loop.modelled_cycles == 1 + 10 * 1 + 9 * 3 + 1 + 3  # movs, subs, taken bne, last bne, bx


def test_a_board_waits_for_its_memory(arm_image: FirmwareImage) -> None:
    """The loop reads no data; its 8 bytes lie in one line of 64 or two, and in 2 or 3 of 4, fetched once; the call's
    and the return's lines are told with it."""
    sample = np.frombuffer(INPUT, np.int8)
    waits = Reads(miss_cycles=(4, 40), line_bytes=(64, 4), cache_bytes=(1024, 1024))
    ideal, waited = (
        benchmark.profile(EMULATORS["sim"], arm_image, replace(BOARD, reads=reads), sample).layers[2]
        for reads in ({}, {"code": waits})
    )
    assert ideal.modelled_cycles == waited.modelled_cycles == 42
    assert ideal.board_cycles is not None
    assert waited.board_cycles is not None
    assert ideal.board_cycles.low == ideal.board_cycles.high
    low = waited.board_cycles.low - ideal.board_cycles.low
    assert low in (0, 4, 8, 12)  # lines may have come with the layer before
    assert waited.board_cycles.high - ideal.board_cycles.low in (80, 120, 160, 200, 240)


def test_constants_in_flash_are_waited_for(arm_image: FirmwareImage) -> None:
    """Each word of flash that another one follows, as an emulator without the model sees them."""
    link, device = connected(arm_image)
    device.load(INPUT)
    start = link._program.symbol("tp_network_run")
    words: list[int] = []
    running: list[int] = []

    def enter(uc: unicorn.Uc, *_: object) -> None:
        running.append(uc.reg_read(arm_const.UC_ARM_REG_LR) & ~1)
        uc.hook_add(unicorn.UC_HOOK_CODE, lambda *_: running.clear(), begin=running[0], end=running[0])

    assert BOARD.flash is not None
    link._uc.hook_add(unicorn.UC_HOOK_CODE, enter, begin=start & ~1, end=start & ~1)
    link._uc.hook_add(
        unicorn.UC_HOOK_MEM_READ,
        lambda _uc, _access, address, *_: words.append(address // 4) if running else None,
        begin=BOARD.flash.origin,
        end=BOARD.flash.end - 1,
    )
    device.infer()
    expected = sum(before != this for before, this in pairwise([-1, *words]))
    data = {"data": Reads((10, 10), (4, 4), (4, 4))}
    with_data, without = (
        benchmark.profile(EMULATORS["sim"], arm_image, replace(BOARD, reads=reads), np.frombuffer(INPUT, np.int8))
        for reads in (data, {})
    )
    assert with_data.board_cycles is not None
    assert without.board_cycles is not None
    assert expected > 0
    assert with_data.board_cycles.low - without.board_cycles.low == 10 * expected


def test_a_core_without_a_model_counts_instructions_and_tells_no_time(arm_image: FirmwareImage) -> None:
    board = replace(BOARD, cpu=replace(BOARD.cpu, core="cortex-m7"))
    modelled = inferred(arm_image, profile=True)[0].profile()
    link = sim.start(arm_image, board, profile=True)
    device = Device(link)
    device.connect()
    device.load(INPUT)
    assert device.infer() == 0
    assert link.clock == "stopped"
    profile = link.profile()
    assert [layer.instructions for layer in profile.layers] == [layer.instructions for layer in modelled.layers]
    assert profile.instructions == modelled.instructions
    assert {profile.modelled_cycles, *(layer.modelled_cycles for layer in profile.layers)} == {None}
    assert "not modelled" in profile.cost_model


def test_the_firmware_measures_modelled_time(arm_image: FirmwareImage) -> None:
    link, device = connected(arm_image, profile=True)
    device.load(INPUT)
    microseconds = device.infer(runs=8)
    profile = link.profile()
    assert link.clock == "modelled"
    assert profile.modelled_cycles is not None
    per_run = 64 * microseconds / 8
    # around the network: copying the input and reading the time
    assert profile.modelled_cycles < per_run < profile.modelled_cycles + 600


def test_the_profile_is_of_the_last_inference(arm_image: FirmwareImage) -> None:
    link, device = connected(arm_image, profile=True)
    with pytest.raises(TargetError, match="no inference has run"):
        link.profile()
    device.load(INPUT)
    device.infer()
    once = link.profile()
    device.infer(runs=3, warmup=2)
    assert link.profile() == once
    device.load(bytes(firmware.INPUT_BYTES))
    device.infer()
    assert link.profile().modelled_cycles != once.modelled_cycles


def test_counts_do_not_depend_on_the_chunk(arm_image: FirmwareImage, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = inferred(arm_image, profile=True)[0].profile()
    monkeypatch.setattr("tinyprune.device.emulators.profiler._CHUNK_BLOCKS", 7)
    assert inferred(arm_image, profile=True)[0].profile() == whole


def test_profiled_and_plain_runs_agree(arm_image: FirmwareImage) -> None:
    assert inferred(arm_image, profile=True)[1].output().tolist() == inferred(arm_image)[1].output().tolist()


def test_what_it_cannot_start(arm_image: FirmwareImage, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"the emulator sim has no model of host \(host, host\)"):
        sim.start(arm_image, boards.load("host"))
    small = replace(BOARD, flash=replace(BOARD.flash, bytes=1024))
    with pytest.raises(TargetError, match="outside the flash of nano33: build it for nano33"):
        sim.start(arm_image, small)
    for content in (b"", b"not an ELF", arm_image.elf.read_bytes()[:100]):
        path = tmp_path / "firmware.elf"
        path.write_bytes(content)
        with pytest.raises(TargetError, match="not a linked firmware"):
            sim.start(replace(arm_image, elf=path), BOARD)


def test_a_closed_link_is_told(arm_image: FirmwareImage) -> None:
    with closing(sim.start(arm_image, BOARD)) as link:
        pass
    link.close()
    with pytest.raises(TargetError, match="closed"):
        link.write(b"name%")
