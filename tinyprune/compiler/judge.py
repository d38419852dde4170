"""TFLite Micro's interpreter in a process of its own: whatever a model does to it, this process goes on."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tinyprune.errors import ModelError
from tinyprune.processes import apart

Array: TypeAlias = npt.NDArray[Any]

#: For a model to be loaded, or one inference; and to start.
TIMEOUT_S = 300.0
_MAKER = f"{__name__}:Interpreter"


def run(model: bytes, arena_bytes: int, samples: Sequence[Sequence[Array]], outputs: int) -> list[list[Array]]:
    """The answers to `samples`, each a list of all inputs, one after the other from a fresh start: for each of them its
    `outputs` first outputs. Raises ModelError where TFLite Micro refuses the model, Crashed where it dies or does not
    answer."""
    try:
        remote = apart.Remote(_MAKER, model, arena_bytes, outputs, timeout_s=TIMEOUT_S)
        with closing(remote):
            return [remote.call("infer", sample, timeout_s=TIMEOUT_S) for sample in samples]
    except apart.Died as death:
        raise Crashed(str(death)) from None


class Crashed(ModelError):
    """The interpreter did not survive a model: its answers are not known."""

    def __init__(self, how: str) -> None:
        super().__init__(f"TFLite Micro's interpreter {how} on this model")


class Interpreter:
    """What is in that process."""

    def __init__(self, model: bytes, arena_bytes: int, outputs: int) -> None:
        from tflite_micro import runtime

        self._outputs = outputs
        try:
            self._interpreter: Any = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        except Exception as error:  # Python's half of it raises whatever it stumbles upon in damaged files
            raise _refusal(f"{type(error).__name__}: {error}") from None

    def infer(self, sample: Sequence[Array]) -> list[Array]:
        """All inputs in, the first outputs out."""
        try:
            for number, array in enumerate(sample):
                self._interpreter.set_input(array, number)
            self._interpreter.invoke()
            return [np.array(self._interpreter.get_output(number)) for number in range(self._outputs)]
        except (RuntimeError, ValueError) as error:
            raise _refusal(str(error)) from None


def _refusal(why: str) -> ModelError:
    said = apart.said()
    return ModelError(f"TFLite Micro refuses the model: {why}" + (f" ({said})" if said else ""))
