"""Where each tensor lies in the arena: which ones share bytes, and so which copies need not be made.

* A reshape is another name for the same bytes, always; so is the map that a loop over rows computes in place.
* A part of a concatenation may be computed where it will stand in the result; a part of a split or a slice stays where
  it is in the tensor that it was cut from: one *content*, with several tensors in it.
* The result of an element-wise operator may lie over an operand that dies with it.
* A variable may be read where it is, as long as nothing is assigned to it, and be assigned by computing its new bytes
  there.

Each of these joins tensors into a *group* of fixed relative places. What joins is tried one by one and kept where no
two tensors with overlapping bytes need them at the same time; then the arena is planned (`memory.py`) with all that was
kept, with parts of it, and with nothing of it, which is what executing in file order with copies needs: the smallest
arena is taken, and of equal ones that with the fewest copies.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from tinyprune.compiler import memory
from tinyprune.compiler.choose import Choice
from tinyprune.compiler.graph import Graph, State
from tinyprune.compiler.kernels import Layout, Wiring
from tinyprune.compiler.lifetimes import Lives, Value, operand_of, result_of, wire
from tinyprune.compiler.moves import STATE, Move

#: Tensors that share bytes with others begin at a multiple of this: kernels read words.
_WORD = 4
#: How many joins are left out one at a time, to see whether the arena is smaller without.
_MOST_TRIES = 24


@dataclass(frozen=True, slots=True)
class Join:
    """`target` begins `offset` bytes behind `source`. `size` bytes of the source from `begin` on are the target's."""

    kind: Literal["view", "pair", "content", "state", "in place"]
    source: Value
    target: Value
    offset: int
    step: int  # the operator's that is spared a copy, or works in place
    begin: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """`offsets`: of each tensor by its index, each variable, and each step's scratch (by ("scratch", number))."""

    life: Lives
    offsets: Mapping[Hashable, int]
    plan: memory.Plan
    wirings: tuple[Wiring, ...]

    def is_in_place(self, move: Move, source: Value | None, target: Value) -> bool:
        """Whether the bytes of a move are where they belong."""
        if source is None or move.counts:
            return False
        return self.offsets[source] + move.source_offset == self.offsets[target] + move.target_offset


def place(graph: Graph, choices: Sequence[Choice]) -> Placement:
    """Places every tensor, variable and scratch of the choices, which are in order of execution."""
    wirings, where = wire(choices)
    life = Lives(graph, choices, where)
    fixed = [*_views(graph), *_pairs(choices)]
    optional = [*_contents(choices), *_states(choices), *_in_place(choices)]
    arrangements = list(_arrangements(life, fixed, optional))
    plans = [memory.plan(arrangement.buffers(), search=number < 2) for number, arrangement in enumerate(arrangements)]
    best = min(range(len(plans)), key=lambda number: (plans[number].arena_bytes, number))
    arrangement, plan = arrangements[best], memory.plan(arrangements[best].buffers())
    bound = plan.lower_bound_bytes if _is_chain(choices) and not optional else _bound(life, fixed, optional)
    offsets = arrangement.offsets(plan)
    plan = memory.Plan(plan.offsets, plan.arena_bytes, min(bound, plan.arena_bytes))
    return Placement(life, offsets, plan, tuple(wirings))


def without_sharing(graph: Graph, choices: Sequence[Choice]) -> list[memory.Buffer]:
    """What executing in file order with all copies needs: a buffer for each tensor, but for reshapes."""
    life = Lives(graph, choices, wire(choices)[1])
    return _Arrangement(life, [*_views(graph), *_pairs(choices)]).buffers()


def _is_chain(choices: Sequence[Choice]) -> bool:
    """Whether every step needs what the one before it made, so that there is but one order, in which all that the plan
    has alive must be."""
    made: set[int] = set()
    for number, choice in enumerate(choices):
        if number and not made & {tensor.index for tensor in choice.op.activations}:
            return False
        made = {tensor.index for tensor in choice.op.outputs}
    return True


def _bound(life: Lives, fixed: Sequence[Join], optional: Sequence[Join]) -> int:
    """What no placement can do without, with these kernels, in whatever order they run: at each step its own
    tensors, all variables, and what an earlier step has made that a later one reads, where earlier and later follow
    from who needs whose results. What may lie in the same place counts once."""
    arrangement = _Arrangement(life, fixed)
    may_share = {join.step for join in optional}
    before, behind = life.neighbours()
    least = 0
    for number, choice in enumerate(life.choices):
        needed = arrangement.bytes_of(value for value in life.size if life.is_needed(value, number, before, behind))
        if number in may_share:
            operands = sum(life.size[tensor.index] for tensor in choice.op.activations)
            results = sum(life.size[tensor.index] for tensor in choice.op.outputs)
            if choice.op.states:  # what is read lies in it, or what is assigned
                operands, results = max(operands, results), choice.op.states[0].size_bytes
            needed -= min(operands, results)
        scratch = life.scratch.get(("scratch", number))
        least = max(least, needed + (scratch.size_bytes if scratch else 0))
    return memory.aligned(least)


def _views(graph: Graph) -> Iterator[Join]:
    for tensor, name in graph.views:
        yield Join("view", tensor.index, name.index, 0, -1, 0, tensor.size_bytes)


def _pairs(choices: Sequence[Choice]) -> Iterator[Join]:
    for number, choice in enumerate(choices):
        if choice.kernel.reads is Layout.ROW:
            yield Join("pair", choices[number - 1].op.activations[0].index, choice.op.outputs[0].index, 0, number)


def _contents(choices: Sequence[Choice]) -> Iterator[Join]:
    for number, choice in enumerate(choices):
        for move in choice.kernel.kept(choice.op):
            source = operand_of(choice, move.source)
            if move.counts or source is None or STATE in (move.source, move.target):
                continue
            offset = move.source_offset - move.target_offset
            target = result_of(choice, move.target)
            yield Join("content", source, target, offset, number, move.source_offset, move.size)


def _states(choices: Sequence[Choice]) -> Iterator[Join]:
    for number, choice in enumerate(choices):
        for move in choice.kernel.kept(choice.op):
            source = operand_of(choice, move.source)
            if STATE in (move.source, move.target) and source is not None:
                yield Join("state", source, result_of(choice, move.target), 0, number)


def _in_place(choices: Sequence[Choice]) -> Iterator[Join]:
    for number, choice in enumerate(choices):
        for operand in choice.kernel.in_place(choice.op):
            source = operand_of(choice, operand)
            if source is not None:
                yield Join("in place", source, choice.op.outputs[0].index, 0, number)


@dataclass(slots=True)
class _Content:
    """Tensors with the same bytes where they overlap: alive together."""

    members: list[Value]
    birth: int
    death: int


@dataclass(slots=True)
class _Group:
    """Values at fixed places relative to one another, in bytes."""

    places: dict[Value, int] = field(default_factory=dict)


class _Arrangement:
    """Groups of values that share bytes, after the joins that were possible."""

    def __init__(self, life: Lives, joins: Sequence[Join]) -> None:
        self.life = life
        self.joins: list[Join] = []
        self._group = {value: _Group({value: 0}) for value in life.size}
        self._content = {value: _Content([value], life.birth[value], life.death[value]) for value in life.size}
        self._handed_over: set[tuple[int, int]] = (
            set()
        )  # contents of which the second one may begin where the first ends
        for join in joins:
            self._try(join)

    def _try(self, join: Join) -> None:
        here, there = self._group[join.source], self._group[join.target]
        shift = here.places[join.source] + join.offset - there.places[join.target]
        if here is there:
            return
        if join.kind not in ("view", "pair") and self._is_odd(here, there, shift):
            return
        contents = self._joined_contents(join)
        if not self._can_join(join, here, there, shift, contents):
            return
        if join.kind in ("view", "content"):
            self._one_content(join)
        elif join.kind in ("pair", "in place"):
            self._handed_over.add((id(self._content[join.source]), id(self._content[join.target])))
        for value, place_ in there.places.items():
            here.places[value] = place_ + shift
            self._group[value] = here
        self.joins.append(join)

    def _is_odd(self, here: _Group, there: _Group, shift: int) -> bool:
        """Whether words of a tensor would begin at odd addresses."""
        places = [*here.places.values(), *(place_ + shift for place_ in there.places.values())]
        return any((place_ - min(places)) % _WORD for place_ in places)

    def _joined_contents(self, join: Join) -> _Content | None:
        if join.kind not in ("view", "content"):
            return None
        one, other = self._content[join.source], self._content[join.target]
        if one is other:
            return one
        return _Content([*one.members, *other.members], min(one.birth, other.birth), max(one.death, other.death))

    def _one_content(self, join: Join) -> None:
        joined = self._joined_contents(join)
        assert joined is not None
        old = {id(self._content[join.source]), id(self._content[join.target])}
        self._handed_over = {
            tuple(id(joined) if part in old else part for part in pair)  # type: ignore[misc]
            for pair in self._handed_over
        }
        for value in joined.members:
            self._content[value] = joined

    def _can_join(self, join: Join, here: _Group, there: _Group, shift: int, joined: _Content | None) -> bool:
        """Whether no two values that would overlap are needed at the same time, unless their bytes are the same."""
        places = {**here.places, **{value: place_ + shift for value, place_ in there.places.items()}}
        same = places[join.source] + join.begin, places[join.source] + join.begin + join.size
        merged = () if joined is None else set(joined.members)
        for one, other in combinations(places, 2):
            begin = max(places[one], places[other])
            end = min(places[one] + self.life.size[one], places[other] + self.life.size[other])
            if begin >= end or self._content[one] is self._content[other]:
                continue
            if one in merged and other in merged:
                if begin < same[0] or end > same[1]:
                    return False
                continue
            contents = [joined if joined and value in merged else self._content[value] for value in (one, other)]
            if not self._apart(join, one, other, *contents):
                return False
        return True

    def _apart(self, join: Join, one: Value, other: Value, first: _Content, second: _Content) -> bool:
        """Whether two contents are never needed at the same time, or one is handed over to the other in one step."""
        for variable, value, content in ((one, other, second), (other, one, first)):
            if isinstance(variable, State):
                return not isinstance(value, State) and self._fits_variable(variable, content)
        if first.death < second.birth or second.death < first.birth:
            return True
        pairs = {(id(first), id(second)), (id(second), id(first))}
        if pairs & self._handed_over:
            return True
        if join.kind not in ("in place", "pair"):
            return False
        if {id(first), id(second)} != {id(self._content[join.source]), id(self._content[join.target])}:
            return False
        before, behind = self._content[join.source], self._content[join.target]
        return join.kind == "pair" or before.death <= behind.birth

    def _fits_variable(self, state: State, content: _Content) -> bool:
        """Whether a content may lie in a variable: it is what was read there, and gone before anything is assigned; or
        it is what will be assigned, and nothing is read between its birth and that."""
        life = self.life
        reads, writes = life.reads.get(state, []), life.writes.get(state, [])
        if any(life.size[value] > life.size[state] for value in content.members):
            return False
        if content.birth in reads:
            return not any(content.birth <= step <= content.death for step in writes)
        assigned = [step for step in writes if step >= content.birth]
        if not assigned:
            return False
        here = content.death in writes and content.death == min(assigned)
        return here and not any(content.birth <= step <= content.death for step in reads)

    def bytes_of(self, values: Iterable[Value]) -> int:
        """Of values, those of one group counted as the largest of them."""
        largest: dict[int, int] = {}
        for value in values:
            group = id(self._group[value])
            largest[group] = max(largest.get(group, 0), self.life.size[value])
        return sum(largest.values())

    def _groups(self) -> list[_Group]:
        return list({id(group): group for group in self._group.values()}.values())

    def buffers(self) -> list[memory.Buffer]:
        """One for each group, and one for each scratch."""
        found = []
        for group in self._groups():
            first = min(group.places.values())
            size = max(place_ + self.life.size[value] for value, place_ in group.places.items()) - first
            contents = [self._content[value] for value in group.places]
            birth, death = min(c.birth for c in contents), max(c.death for c in contents)
            found.append(memory.Buffer(_name(group), size, birth, death))
        return [*found, *self.life.scratch.values()]

    def offsets(self, plan: memory.Plan) -> dict[Hashable, int]:
        found: dict[Hashable, int] = {}
        for group in self._groups():
            start = plan.offsets[_name(group)] - min(group.places.values())
            found |= {value: start + place_ for value, place_ in group.places.items()}
        return found | {key: plan.offsets[buffer.name] for key, buffer in self.life.scratch.items()}


def _name(group: _Group) -> str:
    value = next(iter(group.places))
    return f"variable {value.name}" if isinstance(value, State) else f"map {value}"


def _arrangements(life: Lives, fixed: Sequence[Join], optional: Sequence[Join]) -> Iterator[_Arrangement]:
    """With everything that can be joined, with only the fixed joins, with joins of one kind, and with single joins left
    out."""
    whole = _Arrangement(life, [*fixed, *optional])
    yield whole
    if not optional:
        return
    yield _Arrangement(life, fixed)
    kept = [join for join in whole.joins if join in optional]
    for kind in ("in place", "content"):
        yield _Arrangement(life, [*fixed, *(join for join in optional if join.kind == kind)])
    for join in kept[:_MOST_TRIES]:
        yield _Arrangement(life, [*fixed, *(other for other in optional if other is not join)])
