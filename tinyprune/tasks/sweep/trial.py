"""One trial: a network pruned, quantized, built, run and judged."""

import hashlib
import math
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinyprune.compiler import reader, reference, samples
from tinyprune.compiler.sparsity import DENSE
from tinyprune.device.boards import Board
from tinyprune.errors import DoesNotFit, ModelError, UsageError
from tinyprune.progress import Progress
from tinyprune.tasks import build as build_task
from tinyprune.tasks.sweep.inputs import Data, Model
from tinyprune.tasks.sweep.request import Limits, SweepRequest
from tinyprune.training import prune, quantization_error, quantize
from tinyprune.training.quiet import quiet_tensorflow

#: Inputs of each firmware that are compared with TFLite Micro.
COMPARED_INPUTS = 4
#: Closer to the dense network than this is as good.
MOST_DECIBELS = 200.0


def excess(used: Mapping[str, float], limits: Limits) -> dict[str, float]:
    """By which share each limit is exceeded; none above 0 means that all are kept."""
    return {key: used.get(key, math.inf) / most - 1 for key, most in asdict(limits).items() if most is not None}


def attempt(
    optuna: Any, trial: Any, request: SweepRequest, models: Mapping[str, Model], data: Data, progress: Progress
) -> tuple[float, float]:
    name = trial.suggest_categorical("model", sorted(models))
    model = models[name]
    patterns = {
        layer: trial.suggest_categorical(f"{name}/{layer}", choices) for layer, choices in model.choices.items()
    }
    progress(f"trial {trial.number}: {name}, {', '.join(patterns.values())}")
    try:
        content = network(model.keras, patterns, data)
        report = _built(content, request.board)
    except (DoesNotFit, ModelError) as error:
        progress(f"trial {trial.number} is refused: {error}")
        trial.set_user_attr("refused", str(error))
        raise optuna.TrialPruned(str(error)) from None
    used = {
        "flash_bytes": report.flash_bytes,
        "ram_bytes": report.ram_bytes + (report.stack_bytes_reserved or 0),
        "cycles": report.modelled_cycles,
        "ms": report.modelled_ms if report.board_ms is None else report.board_ms.high,
    }
    for limit, above in excess(used, request.limits).items():
        trial.set_constraint(limit, above)
    trial.set_user_attr("used", used)
    trial.set_user_attr("patterns", patterns)
    trial.set_user_attr("network", hashlib.sha256(content).hexdigest())
    return _quality(content, model.dense, data), float(report.modelled_cycles)


def network(model: Any, patterns: Mapping[str, str], data: Data) -> bytes:
    """The int8 .tflite of a model pruned so; equal arguments give equal bytes."""
    chosen = {layer: pattern for layer, pattern in patterns.items() if pattern != DENSE}
    with quiet_tensorflow():
        if chosen:
            model = prune.unmasked(prune.prune(model, chosen, "reconstruct", data.pruning))
    return quantize.quantize(model, data.pruning)


def _built(content: bytes, board: Board) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(content)
        request = build_task.BuildRequest(board, Path(folder) / "build", model, compared_inputs=COMPARED_INPUTS)
        try:
            report = build_task.run_build(request, lambda _stage: None)
        except ModelError as error:
            raise ModelError(str(error).removeprefix(f"{model}: ")) from None  # a file that nobody can look at
    if report.modelled_cycles is None:
        raise UsageError(
            f"no emulator models the cycles of {board.name}; sweep for a board whose core has a cost table"
        )
    return report


def _quality(content: bytes, dense: Any, data: Data) -> float:
    graph = reader.read(content)
    source, target = graph.ends("sweep")
    stored = samples.quantize(data.judging.reshape(-1, *source.shape), source, "data")
    answers = reference.infer(graph, stored)
    if data.labels is not None:
        return float((graph.classes(answers) == data.labels).mean())
    wanted = np.asarray(dense.predict(data.judging, verbose=0)).reshape(len(stored), -1)
    ratio = quantization_error.sqnr_db(target, wanted, answers)
    return min(max(ratio, -MOST_DECIBELS), MOST_DECIBELS)  # neither a database nor JSON knows infinity
