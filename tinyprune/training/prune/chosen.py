"""Which layers of a network are to be pruned, by their names."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tinyprune.errors import UsageError

#: Said of a layer that is left as it is.
NOT_CHOSEN = "no pattern was chosen for it"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names of layers, in which * stands for anything: those alone, or all others."""

    names: tuple[str, ...]
    others: bool = False

    def of(self, layers: Iterable[str]) -> frozenset[str]:
        """Those of the names `layers` that are to be pruned; "lstm" is "lstm/recurrent_kernel" as well. Raises
        UsageError for a name that there is not."""
        known = tuple(layers)
        named = frozenset(each for each in known for name in self.names if _is(each, name))
        for name in self.names:
            if not any(_is(each, name) for each in known):
                near = difflib.get_close_matches(name, known, n=1)
                hint = f' (did you mean "{near[0]}"?)' if near else f"; it has {', '.join(known)}"
                raise UsageError(f'the model has no layer "{name}" with weights{hint}')
        return frozenset(known) - named if self.others else named


def _is(layer: str, name: str) -> bool:
    return fnmatchcase(layer, name) or fnmatchcase(layer.partition("/")[0], name)
