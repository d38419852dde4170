"""All of `tinyprune prune`: the user's Keras model ─prune─▶ Keras model, and what became of each layer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyprune import output, samples, sparsity
from tinyprune.errors import UsageError

if TYPE_CHECKING:
    from tinyprune.prune import LayerReport, Method, Patterns

#: Files that a pruned model can be written as.
SUFFIXES = (".keras", ".h5", ".hdf5")
#: Before the per cent of channels to remove.
CHANNELS = "channels-"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PruneRequest:
    model: Path
    output: Path
    pattern: str
    method: "Method | None" = None  # None: the best that the data allow
    data: Path | None = None  # .npy, unlabelled inputs
    sparsity: float | None = None  # share of zeros, for patterns that do not say it
    reorder: bool = False  # channels, so that N:M loses less


def run_prune(request: PruneRequest, progress: Progress) -> "tuple[LayerReport, ...]":
    """Raises TinypruneError of every kind; the output appears whole or not at all."""
    _check(request)
    data = None if request.data is None else samples.load_array(request.data)
    pattern = _pattern(request)
    from tinyprune import keras3, quantize, quiet

    progress(f"loading {request.model}")
    model = quantize.load_keras(request.model)
    if keras3.is_keras_3(model):
        progress(f"{request.model} is of Keras 3: rebuilding it in tf_keras (Keras 2), as which it will be written")
        model = keras3.rebuild(model)
    with quiet.quiet_tensorflow():
        pruned, layers = _pruned(request, model, pattern, data, progress)
        with output.staging(request.output.parent) as staged:
            part = staged / request.output.name
            pruned.save(part)
            request.output.parent.mkdir(exist_ok=True)
            part.replace(request.output)
    return layers


def _check(request: PruneRequest) -> None:
    if request.output.suffix not in SUFFIXES:
        raise UsageError(f"{request.output}: the pruned model is a Keras file; give -o a name ending in .keras or .h5")
    if request.output.resolve() == request.model.resolve():
        raise UsageError(f"{request.output} is the model itself; give -o another name")
    if request.pattern.startswith(CHANNELS) and (request.method or request.data or request.reorder):
        raise UsageError(
            f"{request.pattern} removes filters by their norm: --method, --data and --reorder go with other patterns"
        )


def _pattern(request: PruneRequest) -> sparsity.Pattern | float | None:
    """A share of channels to remove; None where each layer gets a threshold of its own from the model."""
    text, share = request.pattern, request.sparsity
    if text == "threshold":
        if share is None or request.data is None:
            raise UsageError(
                "--pattern threshold needs --sparsity, a share of zeros such as 0.75, and --data, samples on which the "
                "sensitivity of each layer is scanned; or give one threshold for all, as in threshold-0.8"
            )
        return None
    if text == "unstructured" and share is None:
        raise UsageError("--pattern unstructured needs --sparsity, a share of zeros such as 0.75")
    if text != "unstructured" and share is not None:
        raise UsageError(f"--sparsity goes with --pattern unstructured; {text} says itself how many weights stay")
    try:
        if text.startswith(CHANNELS):
            return float(text.removeprefix(CHANNELS)) / 100
        return sparsity.parse(text) if share is None else sparsity.Unstructured(share)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _pruned(
    request: PruneRequest, model: Any, pattern: sparsity.Pattern | float | None, data: Any, progress: Progress
) -> "tuple[Any, tuple[LayerReport, ...]]":
    """The pruned Keras model as it is saved, and what became of each layer."""
    from tinyprune import prune
    from tinyprune.prune import filters, sensitivity

    if isinstance(pattern, float):
        progress(f"removing {100 * pattern:g} % of the channels")
        return filters.shrink(model, pattern)
    method = request.method or ("magnitude" if data is None or pattern is None else "match")
    chosen: Patterns | sparsity.Pattern
    if pattern is None:
        progress("scanning how sensitive each layer is")
        chosen = sensitivity.patterns(model, data, request.sparsity or 0.0)
    else:
        chosen = pattern
    progress(f"pruning to {request.pattern if pattern is None else pattern.name} by {method}")
    pruned = prune.prune(model, chosen, method, data, reorder=request.reorder)
    return prune.unmasked(pruned), pruned.layers
