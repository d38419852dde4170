"""Sound on the board: what `build --audio` adds to the firmware, and how a PC lets the board hear a recording.

`FrontEnd` is what the C in firmware_templates/audio is generated from: tables, labels, and when a word counts as heard.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tinyprune.compiler.graph import Activation
from tinyprune.device.boards import Board
from tinyprune.errors import UsageError
from tinyprune.firmware.audio import tables
from tinyprune.sound import features
from tinyprune.sound.detector import Rule, is_word

__all__ = ["FrontEnd", "Rule", "front_end"]

#: Of the nRF52's PDM; and what Arduino's core begins with.
GAINS_DB, ARDUINO_GAIN_DB = (-20.0, 20.0), -10.0

_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .'-]{0,31}")


@dataclass(frozen=True, slots=True, eq=False)
class FrontEnd:
    """Everything that audio firmware has besides the network."""

    tables: tables.Tables
    labels: tuple[str, ...]
    rule: Rule
    threshold_sum: int
    gain_db: float = ARDUINO_GAIN_DB
    """Of the board's microphone."""

    @property
    def gain_steps(self) -> int:
        """As a PDM peripheral takes it: half decibels from the lowest on."""
        return round(2 * (self.gain_db - GAINS_DB[0]))

    @property
    def is_word(self) -> tuple[bool, ...]:
        return tuple(is_word(label) for label in self.labels)


def front_end(
    board: Board,
    network_input: Activation,
    network_output: Activation,
    labels: Sequence[str],
    rule: Rule,
    gain_db: float | None = None,
) -> FrontEnd:
    """For a network of that input and output, whose classes are called `labels`, and count as heard by `rule`.

    Raises UsageError where the network takes the features of no front end, or labels do not go with its classes.
    """
    heard_as = features.front_end_for(network_input.shape)
    if network_output.dtype != "int8":
        raise UsageError(f"--audio needs a network that answers with int8 scores, not {network_output.dtype}")
    names = _checked(tuple(labels), network_output.size_bytes)
    scale, zero_point = float(network_input.scale), network_input.zero_point
    return FrontEnd(
        tables.make(heard_as, "float" if board.cpu.fpu else "fixed", scale, zero_point),
        names,
        rule,
        rule.threshold_sum(float(network_output.scale), network_output.zero_point),
        ARDUINO_GAIN_DB if gain_db is None else gain_db,
    )


def _checked(names: tuple[str, ...], classes: int) -> tuple[str, ...]:
    if len(names) != classes:
        raise UsageError(f"--class-names names {len(names)} classes; the network has {classes}")
    check_names(names, "--class-names")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"--class-names names {', '.join(twice)} twice")
    return names


def check_names(names: Sequence[str], where: str) -> None:
    """Refuses what C, the protocol and command lines cannot take as the name of a class."""
    for name in names:
        if not _LABEL.fullmatch(name):
            raise UsageError(f'{where}: "{name}" must be up to 32 letters, digits, spaces or _ . \' -')
