"""Which layers read their constants from RAM: where it pays, what fits, those first that read theirs most often."""

from dataclasses import replace

import pytest

from tests import networks
from tinyprune.compiler import lower, reader
from tinyprune.compiler.constants import RAM_RESERVE, flash_cycles, waits_for_flash, with_fewer
from tinyprune.compiler.program import Program
from tinyprune.device import boards
from tinyprune.device.boards import Board

NANO33 = boards.load("nano33")


def program(board: Board, constants: lower.Constants) -> Program:
    return lower.lower(reader.read(networks.every_operator()), board, constants=constants)


def with_ram(board: Board, spare_bytes: int) -> Board:
    """With so much beside stack and arena."""
    assert board.ram is not None
    needed = board.ram.stack_bytes + program(board, "flash").arena.arena_bytes
    return replace(board, ram=replace(board.ram, bytes=needed + spare_bytes))


@pytest.mark.parametrize(
    ("board", "flash", "ram", "auto"),
    [("nano33", 0, 1, 1), ("mps2-an386", 0, 1, 0), ("pico", 0, 1, 1), ("host", 0, 0, 0)],
)
def test_auto_copies_where_the_board_waits_for_its_flash(board: str, flash: int, ram: int, auto: int) -> None:
    for where, share in (("flash", flash), ("ram", ram), ("auto", auto)):
        found = program(boards.load(board), where)  # type: ignore[arg-type]
        having = {number for number, step in enumerate(found.steps) if step.constant_bytes}
        assert having
        assert found.ram_steps == (having if share else set())


def test_ram_that_is_as_slow_as_flash_gains_nothing() -> None:
    reads = {**NANO33.reads, "ram": NANO33.reads["data"]}
    assert waits_for_flash(NANO33)
    assert not waits_for_flash(replace(NANO33, reads=reads))


@pytest.mark.parametrize("spare", [0, 200, 500, 1000, 100_000])
def test_what_fits_beside_the_arena_is_what_is_read_most_often(spare: int) -> None:
    found = program(with_ram(NANO33, spare), "ram")
    assert found.ram_constant_bytes <= spare
    left = [step for number, step in enumerate(found.steps) if number not in found.ram_steps and step.constant_bytes]
    assert all(step.constant_bytes > spare - found.ram_constant_bytes for step in left)
    taken = [found.steps[number] for number in found.ram_steps]
    room = max((step.constant_bytes for step in left), default=0)
    assert all(
        one.op.macs / one.constant_bytes >= other.op.macs / other.constant_bytes
        for one in taken
        if one.constant_bytes >= room
        for other in left
        if other.constant_bytes <= one.constant_bytes
    )


def test_auto_leaves_a_quarter() -> None:
    board = with_ram(NANO33, 1000)
    assert board.ram is not None
    roomy, tight = program(board, "ram"), program(board, "auto")
    assert roomy.ram_constant_bytes > tight.ram_constant_bytes
    used = board.ram.stack_bytes + tight.arena.arena_bytes + tight.ram_constant_bytes
    assert not tight.ram_steps or used <= board.ram.bytes * (1 - RAM_RESERVE)


def test_with_fewer_takes_away_what_is_too_much() -> None:
    found = program(NANO33, "ram")
    fewer = with_fewer(found, 1)
    assert 0 < fewer.ram_constant_bytes < found.ram_constant_bytes
    assert fewer.ram_steps < found.ram_steps
    assert not with_fewer(found, found.ram_constant_bytes).ram_steps


def test_where_flash_is_slow_a_matrix_of_fewer_bytes_pays() -> None:
    """Two formats, of 396 and 220 bytes, take about as long with ideal memory."""
    graph = reader.read(networks.one_dense(32, 5))
    first = {where: lower.lower(graph, NANO33, constants=where).steps[0] for where in ("flash", "ram")}  # type: ignore[arg-type]
    assert first["flash"].constant_bytes < first["ram"].constant_bytes
    ideal = {where: step.kernel.cycles(step.op) for where, step in first.items()}
    assert ideal["ram"] < ideal["flash"] < 1.1 * ideal["ram"]
    assert lower.lower(graph, replace(NANO33, reads={})).steps[0].kernel is first["ram"].kernel


@pytest.mark.parametrize("board", ["nano33", "nrf5340dk", "host"])
def test_what_stays_near_the_core_is_brought_once(board: str) -> None:
    """6,000 bytes: more than the nRF52840's buffer, less than the nRF5340's cache."""
    once, often = (flash_cycles(boards.load(board), 6000, times) for times in (1, 50))
    assert {"nano33": often == 50 * once > 0, "nrf5340dk": often == once > 0, "host": often == once == 0}[board]
