"""The arena planner: no overlap, aligned, and exact where the answer is known."""

from hypothesis import given
from hypothesis import strategies as st

from tinyprune.compiler.memory import ALIGNMENT, Buffer, plan


def buffers() -> st.SearchStrategy[list[Buffer]]:
    one = st.tuples(st.integers(1, 5000), st.integers(0, 12), st.integers(0, 6))
    return st.lists(one, max_size=20).map(
        lambda rows: [Buffer(f"b{i}", size, first, first + span) for i, (size, first, span) in enumerate(rows)]
    )


@given(buffers())
def test_buffers_alive_together_never_overlap(items: list[Buffer]) -> None:
    placed = plan(items)
    for number, one in enumerate(items):
        start = placed.offsets[one.name]
        assert start % ALIGNMENT == 0
        assert start + one.size_bytes <= placed.arena_bytes
        for other in items[number + 1 :]:
            if one.meets(other):
                begin = placed.offsets[other.name]
                assert start + one.size_bytes <= begin or begin + other.size_bytes <= start
    assert placed.arena_bytes >= placed.lower_bound_bytes


def test_a_chain_of_layers_needs_its_two_largest_neighbours() -> None:
    sizes = [490, 8000, 8000, 8000, 64, 10]
    chain = [Buffer(f"map {i}", size, max(0, i - 1), i) for i, size in enumerate(sizes)]
    placed = plan(chain)
    assert placed.arena_bytes == placed.lower_bound_bytes == 16000


def test_no_buffers_need_no_arena() -> None:
    assert plan([]).arena_bytes == 0


def test_a_swap_finds_what_no_sorted_order_does() -> None:
    items = [
        Buffer("a", 48, 3, 3),
        Buffer("b", 96, 0, 2),
        Buffer("c", 16, 0, 2),
        Buffer("d", 80, 3, 3),
        Buffer("e", 80, 2, 3),
    ]
    placed = plan(items)
    assert placed.arena_bytes == placed.lower_bound_bytes == 208


def test_what_stood_at_the_top_comes_first_finds_what_no_swap_does() -> None:
    rows = [(32, 1, 3), (64, 2, 2), (96, 4, 7), (96, 1, 3), (64, 4, 5), (128, 5, 8), (64, 1, 4), (48, 3, 4)]
    placed = plan([Buffer(f"b{number}", *row) for number, row in enumerate(rows)])
    assert placed.arena_bytes == placed.lower_bound_bytes == 288
