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

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tinyprune.compiler import memory
from tinyprune.compiler.choose import Choice
from tinyprune.compiler.graph import STATE, Activation, ConstantTensor, Graph, Move, State
from tinyprune.compiler.kernels import FiveWide, Layout, Wiring
from tinyprune.compiler.kernels.five_wide import new_map, next_map, planes_bytes, row_bytes
from tinyprune.compiler.operators.reshape import Reshape

#: Tensors that share bytes with others begin at a multiple of this: kernels read words.
_WORD = 4
#: How many joins are left out one at a time, to see whether the arena is smaller without.
_MOST_TRIES = 24

Value: TypeAlias = int | State
"""A tensor by its index, or a variable."""


@dataclass(frozen=True, slots=True)
class Join:
    """`target` begins `offset` bytes behind `source`."""

    kind: Literal["view", "pair", "content", "state", "in place"]
    source: Value
    target: Value
    offset: int
    step: int  # the operator's that is spared a copy, or works in place


@dataclass(frozen=True, slots=True)
class Placement:
    """`offsets`: of each tensor by its index, each variable, and each step's scratch (by ("scratch", number))."""

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
    wirings, where = _wire(choices)
    life = _Lives(graph, choices, where)
    fixed = [*_views(graph), *_pairs(choices)]
    optional = [*_contents(choices), *_states(choices), *_in_place(choices)]
    arrangements = list(_arrangements(life, fixed, optional))
    plans = [memory.plan(arrangement.buffers(), search=number < 2) for number, arrangement in enumerate(arrangements)]
    best = min(range(len(plans)), key=lambda number: (plans[number].arena_bytes, number))
    arrangement, plan = arrangements[best], memory.plan(arrangements[best].buffers())
    bound = plan.lower_bound_bytes
    if optional or not life.is_only_order:
        bound = min(plan.arena_bytes, life.bound(fixed, optional))
    offsets = arrangement.offsets(plan)
    return Placement(offsets, memory.Plan(plan.offsets, plan.arena_bytes, bound), tuple(wirings))


def operand_of(choice: Choice, number: int) -> Value | None:
    """The value that is operand `number` of a choice: None for constants."""
    if number == STATE:
        return choice.op.state
    tensor = choice.op.inputs[number]
    return None if isinstance(tensor, ConstantTensor) else tensor.index


def result_of(choice: Choice, number: int) -> Value:
    """The value that is result `number`."""
    if number == STATE:
        assert choice.op.state is not None
        return choice.op.state
    return choice.op.outputs[number].index


def _wire(choices: Sequence[Choice]) -> tuple[list[Wiring], dict[int, FiveWide]]:
    """Each call's five-wide maps, and where the rows of each such map are; a pair of layers in one loop has its maps in
    common."""
    where: dict[int, FiveWide] = {}
    wirings: list[Wiring] = []
    for choice in choices:
        if choice.kernel.reads is Layout.ROW:
            wirings.append(wirings[-1])
            pair = wirings[-1].output
            assert pair is not None
            where[choice.op.outputs[0].index] = pair
            continue
        before = where.get(choice.op.activations[0].index) if choice.op.activations else None
        behind = None
        if choice.output_layout is Layout.ROW:
            assert before is not None
            behind = next_map(before)
        elif choice.output_layout is Layout.FIVE_WIDE:
            behind = where[choice.op.outputs[0].index] = new_map(choice.op.outputs[0].shape[0])
        wirings.append(Wiring(before, behind))
    return wirings, where


def _views(graph: Graph) -> Iterator[Join]:
    for op in graph.ops:
        if isinstance(op, Reshape):
            yield Join("view", op.input.index, op.output.index, 0, -1)


def _pairs(choices: Sequence[Choice]) -> Iterator[Join]:
    for number, choice in enumerate(choices):
        if choice.kernel.reads is Layout.ROW:
            yield Join("pair", choices[number - 1].op.activations[0].index, choice.op.outputs[0].index, 0, number)


def _contents(choices: Sequence[Choice]) -> Iterator[Join]:
    for number, choice in enumerate(choices):
        for move in choice.op.moves or ():
            source = operand_of(choice, move.source)
            if move.counts or source is None or STATE in (move.source, move.target):
                continue
            yield Join(
                "content", source, result_of(choice, move.target), move.source_offset - move.target_offset, number
            )


def _states(choices: Sequence[Choice]) -> Iterator[Join]:
    for number, choice in enumerate(choices):
        for move in choice.op.moves or ():
            source = operand_of(choice, move.source)
            if STATE in (move.source, move.target) and source is not None:
                yield Join("state", source, result_of(choice, move.target), 0, number)


def _in_place(choices: Sequence[Choice]) -> Iterator[Join]:
    for number, choice in enumerate(choices):
        for operand in choice.kernel.in_place(choice.op):
            source = operand_of(choice, operand)
            if source is not None:
                yield Join("in place", source, choice.op.outputs[0].index, 0, number)


class _Lives:
    """How large each value is, and from which step to which one it is needed."""

    def __init__(self, graph: Graph, choices: Sequence[Choice], where: Mapping[int, FiveWide]) -> None:
        self.choices, self.end = choices, len(choices)
        self.size: dict[Value, int] = {tensor.index: tensor.size_bytes for tensor in graph.inputs}
        self.birth: dict[Value, int] = dict.fromkeys(self.size, 0)
        self.death: dict[Value, int] = dict.fromkeys(self.size, 0)
        self.scratch: dict[Hashable, memory.Buffer] = {}
        self.reads: dict[State, list[int]] = {}
        self.writes: dict[State, list[int]] = {}
        for state in graph.states:
            self.size[state], self.birth[state], self.death[state] = state.size_bytes, 0, self.end
        renamed = [op for op in graph.ops if isinstance(op, Reshape)]
        for op in renamed:
            self.size[op.output.index], self.death[op.output.index] = op.output.size_bytes, -1
        for number, choice in enumerate(choices):
            self._add(number, choice, where)
        for op in renamed:  # which have no step of their own
            self.birth[op.output.index] = self.birth[op.input.index]
            self.death[op.output.index] = max(self.death[op.output.index], self.birth[op.input.index])
        for tensor in graph.outputs:
            self.death[tensor.index] = self.end

    def _add(self, number: int, choice: Choice, where: Mapping[int, FiveWide]) -> None:
        op, (begin, end) = choice.op, self.span(number)
        for tensor in op.activations:
            self.death[tensor.index] = max(self.death[tensor.index], end)
        for tensor in op.outputs:
            self.size[tensor.index], self.birth[tensor.index] = _map_bytes(choice, tensor, where), begin
            self.death[tensor.index] = max(self.death.get(tensor.index, end), end)
        if op.state is not None:
            kinds = {STATE if move.source == STATE else 0 for move in op.moves or ()}
            (self.reads if STATE in kinds else self.writes).setdefault(op.state, []).append(number)
            if op.moves is None:  # it does both
                self.reads.setdefault(op.state, []).append(number)
        scratch_bytes = choice.kernel.scratch_bytes(op)
        if scratch_bytes:
            name = f"scratch of step {number}"
            self.scratch["scratch", number] = memory.Buffer(name, scratch_bytes, begin, end)

    def span(self, number: int) -> tuple[int, int]:
        """The first and last step of the loop that a step is in."""
        begin = number - 1 if self.choices[number].kernel.reads is Layout.ROW else number
        end = number + 1 if self.choices[number].output_layout is Layout.ROW else number
        return begin, end

    @property
    def is_only_order(self) -> bool:
        """Whether every step needs what the one before it made, so that there is no other order."""
        made: set[int] = set()
        for number, choice in enumerate(self.choices):
            if number and not made & {tensor.index for tensor in choice.op.activations}:
                return False
            made = {tensor.index for tensor in choice.op.outputs}
        return True

    def bound(self, fixed: Sequence[Join], optional: Sequence[Join]) -> int:
        """What no placement can do without, with these kernels: at each step its own tensors and all variables and, if
        there is but one order, everything that is alive then. What may lie in the same place counts once."""
        arrangement = _Arrangement(self, fixed)
        may_share = {join.step for join in optional}
        least = 0
        for number, choice in enumerate(self.choices):
            own = {tensor.index for tensor in (*choice.op.activations, *choice.op.outputs)}
            needed = arrangement.bytes_at(number, None if self.is_only_order else own)
            if number in may_share:
                before = sum(self.size[tensor.index] for tensor in choice.op.activations)
                behind = sum(self.size[tensor.index] for tensor in choice.op.outputs)
                if choice.op.state is not None:  # what is read lies in it, or what is assigned
                    before, behind = max(before, behind), choice.op.state.size_bytes
                needed -= min(before, behind)
            scratch = self.scratch.get(("scratch", number))
            least = max(least, needed + (scratch.size_bytes if scratch else 0))
        return memory.aligned(least)


def _map_bytes(choice: Choice, tensor: Activation, where: Mapping[int, FiveWide]) -> int:
    if choice.output_layout is Layout.FIVE_WIDE:
        return planes_bytes(where[tensor.index], tensor.shape[2])
    return row_bytes(tensor.shape[2]) if choice.output_layout is Layout.ROW else tensor.size_bytes


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

    def __init__(self, life: _Lives, joins: Sequence[Join]) -> None:
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
            if shift == 0 and join.kind in ("view", "content"):
                self._one_content(join)
            return
        if join.kind not in ("view", "pair") and self._is_odd(here, there, shift):
            return
        contents = self._joined_contents(join)
        if join.kind != "view" and not self._can_join(join, here, there, shift, contents):
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
        """Whether no two values whose bytes would overlap are needed at the same time."""
        places = {**here.places, **{value: place_ + shift for value, place_ in there.places.items()}}
        values = list(places)
        merged = () if joined is None else set(joined.members)
        for number, one in enumerate(values):
            for other in values[number + 1 :]:
                if not self._overlap(one, places[one], other, places[other]):
                    continue
                first = joined if joined is not None and one in merged else self._content[one]
                second = joined if joined is not None and other in merged else self._content[other]
                if first is second or self._apart(join, one, other, first, second):
                    continue
                return False
        return True

    def _overlap(self, one: Value, here: int, other: Value, there: int) -> bool:
        return here < there + self.life.size[other] and there < here + self.life.size[one]

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

    def bytes_at(self, step: int, only: set[int] | None) -> int:
        """Of all groups with a value that is alive at a step, or is one of `only`, or a variable."""
        groups = {}
        for value, group in self._group.items():
            content = self._content[value]
            if isinstance(value, State) or (content.birth <= step <= content.death and (only is None or value in only)):
                groups[id(group)] = group
        return sum(
            max(self.life.size[value] for value in group.places if self._is_at(value, step, only))
            for group in groups.values()
        )

    def _is_at(self, value: Value, step: int, only: set[int] | None) -> bool:
        content = self._content[value]
        here = content.birth <= step <= content.death and (only is None or value in only)
        return isinstance(value, State) or here

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


def _arrangements(life: _Lives, fixed: Sequence[Join], optional: Sequence[Join]) -> Iterator[_Arrangement]:
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
