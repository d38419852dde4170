"""How large each tensor of a lowered network is, and from which step to which one it is needed."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias

from tinyprune.compiler import memory
from tinyprune.compiler.choose import Choice
from tinyprune.compiler.graph import Activation, ConstantTensor, Graph, State
from tinyprune.compiler.kernels import FiveWide, Layout, Wiring
from tinyprune.compiler.kernels.five_wide import new_map, next_map, planes_bytes, row_bytes
from tinyprune.compiler.moves import STATE

Value: TypeAlias = int | State
"""A tensor by its index, or a variable."""


def operand_of(choice: Choice, number: int) -> Value | None:
    """The value that is operand `number` of a choice: None for constants."""
    if number == STATE:
        return choice.op.states[0]
    tensor = choice.op.inputs[number]
    return None if isinstance(tensor, ConstantTensor) else tensor.index


def result_of(choice: Choice, number: int) -> Value:
    """The value that is result `number`."""
    if number == STATE:
        return choice.op.states[0]
    return choice.op.outputs[number].index


def wire(choices: Sequence[Choice]) -> tuple[list[Wiring], dict[int, FiveWide]]:
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


class Lives:
    """How large each value is, and from which step to which one it is needed."""

    def __init__(self, graph: Graph, choices: Sequence[Choice], where: Mapping[int, FiveWide]) -> None:
        self.choices, self.end = choices, len(choices)
        self.size: dict[Value, int] = {tensor.index: tensor.size_bytes for tensor in graph.inputs}
        self.birth: dict[Value, int] = dict.fromkeys(self.size, 0)
        self.death: dict[Value, int] = dict.fromkeys(self.size, 0)
        self.scratch: dict[Hashable, memory.Buffer] = {}
        self.reads: dict[State, list[int]] = {}
        self.writes: dict[State, list[int]] = {}
        self.maker: dict[Value, int] = {}  # the step that writes it; inputs of the network have none
        self.readers: dict[Value, int] = {}  # the steps that read it, as a set of bits; the one after the last: outputs
        for state in graph.states:
            self.size[state], self.birth[state], self.death[state] = state.size_bytes, 0, self.end
        for _, name in graph.views:
            self.size[name.index], self.death[name.index] = name.size_bytes, -1
        for number, choice in enumerate(choices):
            self._add(number, choice, where)
        for tensor, name in graph.views:  # which have no step of their own
            self.birth[name.index] = self.birth[tensor.index]
            self.death[name.index] = max(self.death[name.index], self.birth[tensor.index])
            self.maker[name.index] = self.maker.get(tensor.index, -1)
        for tensor in graph.outputs:
            self.death[tensor.index] = self.end
            self.readers[tensor.index] = self.readers.get(tensor.index, 0) | 1 << self.end

    def _add(self, number: int, choice: Choice, where: Mapping[int, FiveWide]) -> None:
        op, (begin, end) = choice.op, self.span(number)
        for tensor in op.activations:
            self.death[tensor.index] = max(self.death[tensor.index], end)
            self.readers[tensor.index] = self.readers.get(tensor.index, 0) | 1 << number
        for tensor in op.outputs:
            self.maker[tensor.index] = number
            self.size[tensor.index], self.birth[tensor.index] = _map_bytes(choice, tensor, where), begin
            self.death[tensor.index] = max(self.death.get(tensor.index, end), end)
        for state in op.states:
            if op.moves is None or any(move.source == STATE for move in op.moves):
                self.reads.setdefault(state, []).append(number)
            if op.moves is None or any(move.target == STATE for move in op.moves):
                self.writes.setdefault(state, []).append(number)
        scratch_bytes = choice.kernel.scratch_bytes(op)
        if scratch_bytes:
            name = f"scratch of step {number}"
            self.scratch["scratch", number] = memory.Buffer(name, scratch_bytes, begin, end)

    def span(self, number: int) -> tuple[int, int]:
        """The first and last step of the loop that a step is in."""
        begin = number - 1 if self.choices[number].kernel.reads is Layout.ROW else number
        end = number + 1 if self.choices[number].output_layout is Layout.ROW else number
        return begin, end

    def neighbours(self) -> tuple[list[int], list[int]]:
        """For each step the steps that must run before it and behind it, as sets of bits."""
        before = [0] * self.end
        last_use: dict[State, int] = {}
        for number, choice in enumerate(self.choices):
            needs = [self.maker[t.index] for t in choice.op.activations if self.maker.get(t.index, -1) >= 0]
            for state in choice.op.states:
                needs += [last_use[state]] if state in last_use else []
                last_use[state] = number
            for need in needs:
                before[number] |= before[need] | 1 << need
        behind = [0] * self.end
        for number, some in enumerate(before):
            while some:
                lowest = some & -some
                behind[lowest.bit_length() - 1] |= 1 << number
                some ^= lowest
        return before, behind

    def is_needed(self, value: Value, step: int, before: Sequence[int], behind: Sequence[int]) -> bool:
        """Whether a value is there at a step in every order."""
        if isinstance(value, State):
            return True
        here, maker = 1 << step, self.maker.get(value, -1)
        made = maker < 0 or bool((before[step] | here) & 1 << maker)
        return made and bool((behind[step] | here | 1 << self.end) & self.readers.get(value, 0) or maker == step)


def _map_bytes(choice: Choice, tensor: Activation, where: Mapping[int, FiveWide]) -> int:
    if choice.output_layout is Layout.FIVE_WIDE:
        return planes_bytes(where[tensor.index], tensor.shape[2])
    return row_bytes(tensor.shape[2]) if choice.output_layout is Layout.ROW else tensor.size_bytes
