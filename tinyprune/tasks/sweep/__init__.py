"""Which pattern for which layer of which model: a search under a board's limits, with Optuna.

A trial prunes one of the models layer by layer, without labels (`training/prune`), quantizes it, builds firmware and
runs it in the board's emulator. Two things are wanted of it: quality and few modelled cycles; the answer is the front
of the trials that none beats in both. Every finished trial is in the study's database, so a search goes on after a
kill, and many machines share one (Akiba et al., "Optuna", arXiv:1907.10902).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyprune import files
from tinyprune.compiler import sparsity
from tinyprune.compiler.sparsity import DENSE
from tinyprune.errors import ModelError, UsageError
from tinyprune.measure.sweep_report import SweepPoint, SweepReport, recommended, unbeaten
from tinyprune.progress import Progress
from tinyprune.tasks import values
from tinyprune.tasks.prune_request import CHANNELS, channels
from tinyprune.tasks.sweep import trial as one_trial
from tinyprune.tasks.sweep.inputs import Data, Model, check_patterns, load, narrower, read_data
from tinyprune.tasks.sweep.request import PATTERNS, Limits, SweepRequest
from tinyprune.tasks.sweep.study import asked, optuna_or_refusal, storage_of, study_of
from tinyprune.tasks.sweep.trial import attempt, excess

__all__ = ["DENSE", "PATTERNS", "Limits", "SweepPoint", "SweepReport", "SweepRequest", "run_sweep"]


def run_sweep(request: SweepRequest, progress: Progress) -> SweepReport:
    """All of `tinyprune sweep`: the study's finished trials, in their order, the front's networks as files, and which
    one to take.

    Raises TinypruneError of every kind; what was finished before is in the database.
    """
    _check(request)
    optuna = optuna_or_refusal()
    models = {path.stem: load(path, request.patterns, trust=request.trust) for path in request.models}
    check_patterns(request.patterns, models)
    data = read_data(request, models)
    given = asked(request, models, data)
    models |= dict(narrower(models, request.patterns, data, progress))
    request.output.mkdir(parents=True, exist_ok=True)
    files.tidy(request.output)  # a sweep that finds all its networks there writes nothing

    def objective(trial: Any) -> tuple[float, float]:
        return attempt(optuna, trial, request, models, data, progress)

    done = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED
    enough = optuna.study.MaxTrialsCallback(request.trials, states=done)
    with storage_of(optuna, request) as storage:
        first = tuple(_uniform(models, request.patterns))
        study = study_of(optuna, storage, request.study, request.seed, given, first)
        if len(study.get_trials(deepcopy=False, states=done)) < request.trials:
            study.optimize(objective, callbacks=[enough])
        points = _points(study, request, models, data, progress)
    report = SweepReport(request.board.name, request.labels is not None, points, len(data.judging))
    return recommended(report, request.most_lost_points)


def _uniform(models: Mapping[str, Model], patterns: Sequence[str]) -> Iterator[dict[str, str]]:
    """What anybody would try first: one pattern for all layers that can take it, the others as near to dense as is
    allowed."""
    for pattern in (text for text in patterns if not text.startswith(CHANNELS)):
        for name, model in models.items():
            chosen = {
                f"{name}/{layer}": pattern if pattern in choices else choices[0]
                for layer, choices in model.choices.items()
            }
            yield {"model": name, **chosen}


def _check(request: SweepRequest) -> None:
    limits = request.limits
    values.at_least(1, trials=request.trials, max_flash=limits.flash_bytes, max_ram=limits.ram_bytes)
    values.at_least(1, max_cycles=limits.cycles)
    if limits.ms is not None and not limits.ms > 0:
        raise UsageError(f"--max-ms {limits.ms:g}: more than 0 is needed")
    if request.most_lost_points is not None:
        _check_loss(request, request.most_lost_points)
    values.at_least(0, seed=request.seed)
    if not request.models:
        raise UsageError("give at least one Keras model to prune")
    for path in request.models:
        files.require(path, f"there is no model {path}")
    names = [path.stem for path in request.models]
    if len(set(names)) < len(names):
        raise UsageError(f"models must have different file names, not {', '.join(names)}")
    for text in request.patterns:
        if text.startswith(CHANNELS):
            channels(text)
        elif text != DENSE:
            try:
                pattern = sparsity.parse(text)
            except ValueError as error:
                raise UsageError(f"--patterns: {error}") from None
            if isinstance(pattern, sparsity.Threshold):
                raise UsageError(
                    f"--patterns: {text} is a rule about magnitudes, and a sweep reconstructs; leave it out"
                )


def _check_loss(request: SweepRequest, most: float) -> None:
    if not most >= 0:
        raise UsageError(f"--max-loss {most:g}: 0 or more points are needed")
    if request.labels is None:
        raise UsageError("--max-loss is in points of accuracy, which needs --labels")
    if DENSE not in request.patterns:
        raise UsageError("--max-loss is meant beside the dense network: --patterns must have dense")


def _points(
    study: Any, request: SweepRequest, models: Mapping[str, Model], data: Data, progress: Progress
) -> tuple[SweepPoint, ...]:
    """The finished trials. Raises ModelError where there is none because all were refused."""
    trials = study.get_trials(deepcopy=False)
    finished = [trial for trial in trials if trial.values is not None]
    refused = [trial for trial in trials if trial.values is None and "refused" in trial.user_attrs]
    if refused and not finished:
        first = refused[0]
        raise ModelError(
            f"no trial has figures ({len(refused)} refused); "
            f"trial {first.number}, of {first.params['model']}: {first.user_attrs['refused']}"
        )
    kept = {t.number for t in finished if max(excess(t.user_attrs["used"], request.limits).values(), default=0) <= 0}
    front = unbeaten((trial.number, *trial.values) for trial in finished if trial.number in kept)
    points = []
    for trial in finished:
        patterns, used = trial.user_attrs["patterns"], trial.user_attrs["used"]
        name = trial.params["model"]
        file = _file(trial, patterns, models[name].keras, request, data, progress) if trial.number in front else None
        points.append(
            SweepPoint(
                trial.number,
                name,
                patterns,
                trial.values[0],
                used["cycles"],
                used["flash_bytes"],
                used["ram_bytes"],
                trial.number in kept,
                trial.number in front,
                None if file is None else str(file),
                used.get("ms"),
                models[name].keras is not models[name].dense,
            )
        )
    return tuple(points)


def _file(
    trial: Any, patterns: Mapping[str, str], model: Any, request: SweepRequest, data: Data, progress: Progress
) -> Path:
    """The trial's network, made again where this machine does not have it: its name has the digest of its bytes."""
    file = _named(request.output, trial, trial.user_attrs["network"])
    if not file.is_file():
        content = one_trial.network(model, patterns, data)
        made = _named(request.output, trial, hashlib.sha256(content).hexdigest())
        if made != file:
            progress(f"{made} has other bytes than in the trial, which another machine or tinyprune made")
        file = made
        with files.replacing(file) as part:
            part.write_bytes(content)
    return file


def _named(folder: Path, trial: Any, digest: str) -> Path:
    return folder / f"trial-{trial.number}-{digest[:8]}.tflite"
