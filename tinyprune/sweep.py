"""Which pattern for which layer of which model: a search under a board's limits, with Optuna.

A trial prunes one of the models layer by layer, without labels (`tinyprune.prune`), quantizes it, builds firmware and
runs it in the board's emulator. Two things are wanted of it: quality and few modelled cycles; the answer is the front
of the trials that none beats in both. Every finished trial is in the study's database, so a search goes on after a
kill, and many machines share one (Akiba et al., "Optuna", arXiv:1907.10902).
"""

import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune import output, pipeline, quantize, reader, reference, samples
from tinyprune.boards import Board
from tinyprune.errors import DataError, DoesNotFit, MissingDependency, ModelError, UsageError
from tinyprune.models import sample_shape
from tinyprune.quiet import quiet_tensorflow

DENSE = "dense"
PATTERNS = (DENSE, "2:4", "1:4", "unstructured-75", "unstructured-90")
#: Of the samples, which prune and quantize; the others judge.
PRUNING_SAMPLES = 256
FEWEST_JUDGES = 16
#: A trial whose process has not been heard of for so long has died, and is made again.
HEARTBEAT_S = 60
#: How often a trial that died is made again.
RETRIES = 3
#: Processes that begin a study at once all make its tables, and all but one fail at some of them.
CONNECT_ATTEMPTS = 5
CONNECT_WAIT_S = 0.5
#: Inputs of each firmware that are compared with TFLite Micro.
COMPARED_INPUTS = 4

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a network must stay within; None where there is no limit but the board's own. RAM includes the stack."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    cycles: int | None = None


@dataclass(frozen=True, slots=True)
class SweepRequest:
    board: Board
    models: tuple[Path, ...]
    data: Path  # .npy, [samples, *input shape]
    output: Path  # folder for the networks of the front, and the database unless `storage` says otherwise
    labels: Path | None = None  # .npy, [samples], whole numbers
    trials: int = 50  # finished ones that the study shall have
    patterns: tuple[str, ...] = PATTERNS
    limits: Limits = field(default_factory=Limits)
    storage: str | None = None  # URL of a database; None: SQLite in the output folder
    study: str = "tinyprune"
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A finished trial."""

    number: int
    model: str
    patterns: Mapping[str, str]
    """Of each prunable layer."""
    quality: float
    """Share of right answers where there are labels, else the signal-to-noise ratio beside the dense network in dB."""
    modelled_cycles: int
    flash_bytes: int
    ram_bytes: int
    within_limits: bool
    on_front: bool
    file: str | None = None
    """The int8 network, of points on the front."""


@dataclass(frozen=True, slots=True)
class _Data:
    pruning: npt.NDArray[np.generic]
    judging: npt.NDArray[np.generic]
    labels: npt.NDArray[np.int64] | None


def run_sweep(request: SweepRequest, progress: Progress) -> tuple[Point, ...]:
    """All of `tinyprune sweep`: the study's finished trials, in their order, the front's networks as files.

    Raises TinypruneError of every kind; what was finished before is in the database.
    """
    _check(request)
    optuna = _optuna()
    data = _data(request)
    models = {path.stem: _load(path, data) for path in request.models}
    request.output.mkdir(parents=True, exist_ok=True)

    def objective(trial: Any) -> tuple[float, float]:
        return _try(optuna, trial, request, models, data, progress)

    done = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED
    enough = optuna.study.MaxTrialsCallback(request.trials, states=done)
    with _storage(optuna, request) as storage:
        study = _study(optuna, storage, request, models)
        if len(study.get_trials(deepcopy=False, states=done)) < request.trials:
            study.optimize(objective, callbacks=[enough])
        return _points(study, request, models, data)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingDependency('a sweep needs Optuna: pip install "tinyprune[sweep]"') from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _check(request: SweepRequest) -> None:
    if not request.models:
        raise UsageError("give at least one Keras model to prune")
    for path in request.models:
        if not path.exists():
            raise UsageError(f"there is no model {path}")
    names = [path.stem for path in request.models]
    if len(set(names)) < len(names):
        raise UsageError(f"models must have different file names, not {', '.join(names)}")
    if request.trials < 1:
        raise UsageError(f"--trials must be at least 1, not {request.trials}")
    from tinyprune import sparsity

    for text in request.patterns:
        if text != DENSE:
            try:
                sparsity.parse(text)
            except ValueError as error:
                raise UsageError(f"--patterns: {error}") from None


def _data(request: SweepRequest) -> _Data:
    values = samples.load_array(request.data)
    pruning = min(PRUNING_SAMPLES, len(values) // 2)
    if len(values) - pruning < FEWEST_JUDGES:
        raise DataError(f"{request.data} has {len(values)} samples; a sweep needs {2 * FEWEST_JUDGES} or more")
    labels = None if request.labels is None else samples.load_array(request.labels)
    if labels is not None and (labels.shape != values.shape[:1] or labels.dtype.kind not in "iu"):
        raise DataError(
            f"{request.labels}: [{len(values)}] whole numbers are needed, one for each sample, not {labels.dtype} "
            f"{list(labels.shape)}"
        )
    return _Data(values[:pruning], values[pruning:], None if labels is None else labels[pruning:].astype(np.int64))


def _load(path: Path, data: _Data) -> Any:
    from tinyprune import keras3

    model = quantize.load_keras(path)
    model = keras3.rebuild(model) if keras3.is_keras_3(model) else model
    if data.pruning.shape[1:] != sample_shape(model):
        raise DataError(f"the samples are {list(data.pruning.shape[1:])}; {path} takes {list(sample_shape(model))}")
    return model


@contextmanager
def _storage(optuna: Any, request: SweepRequest) -> Iterator[Any]:
    """The database, connected. Raises UsageError where it cannot be."""
    url = request.storage or f"sqlite:///{(request.output / 'study.db').resolve()}"
    try:
        storage = _connected(optuna, url)
    except Exception as error:  # whatever the database's driver raises
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"the storage {_without_password(url)} cannot be used: {reason}") from None
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _connected(optuna: Any, url: str) -> Any:
    """The storage, tried again where another process is making the same tables or holds the database now."""
    from sqlalchemy.exc import DBAPIError, IntegrityError

    for _ in range(CONNECT_ATTEMPTS - 1):
        try:
            return _connected_once(optuna, url)
        except DBAPIError as error:
            if not isinstance(error, IntegrityError) and not re.search("already exists|locked", str(error.orig)):
                raise
            time.sleep(CONNECT_WAIT_S)
    return _connected_once(optuna, url)


def _connected_once(optuna: Any, url: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the heartbeat
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)
        return optuna.storages.RDBStorage(url, heartbeat_interval=HEARTBEAT_S, heartbeat_stale_trial_callback=retry)


def _study(optuna: Any, storage: Any, request: SweepRequest, models: Mapping[str, Any]) -> Any:
    """The study of that name, made where it does not exist; refused where it is of other models or patterns."""
    study = optuna.create_study(
        storage=storage,
        study_name=request.study,
        directions=["maximize", "minimize"],
        sampler=optuna.samplers.TPESampler(seed=request.seed),
        load_if_exists=True,
    )
    asked = {
        "board": request.board.name,
        "models": sorted(models),
        "patterns": list(request.patterns),
        "labels": request.labels is not None,
    }
    known = study.user_attrs.get("asked")
    if known is None:
        study.set_user_attr("asked", asked)
    elif known != asked:
        differing = ", ".join(key for key in asked if known.get(key) != asked[key])
        raise UsageError(
            f"the study {request.study} was begun with another {differing}; give --study another name, or ask the same"
        )
    return study


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url


def _excess(used: Mapping[str, int], limits: Limits) -> dict[str, float]:
    """By which share each limit is exceeded; none above 0 means that all are kept."""
    return {key: used[key] / most - 1 for key, most in asdict(limits).items() if most is not None}


def _try(
    optuna: Any, trial: Any, request: SweepRequest, models: Mapping[str, Any], data: _Data, progress: Progress
) -> tuple[float, float]:
    name = trial.suggest_categorical("model", sorted(models))
    patterns = {
        layer: trial.suggest_categorical(f"{name}/{layer}", request.patterns) for layer in _prunable(models[name])
    }
    progress(f"trial {trial.number}: {name}, {', '.join(patterns.values())}")
    try:
        content = _network(models[name], patterns, data)
        report = _built(content, request.board)
    except (DoesNotFit, ModelError) as error:
        trial.set_user_attr("refused", str(error))
        raise optuna.TrialPruned(str(error)) from None
    used = {
        "flash_bytes": report.flash_bytes,
        "ram_bytes": report.ram_bytes + (report.stack_bytes_reserved or 0),
        "cycles": report.modelled_cycles,
    }
    for limit, excess in _excess(used, request.limits).items():
        trial.set_constraint(limit, excess)
    trial.set_user_attr("used", used)
    trial.set_user_attr("patterns", patterns)
    return _quality(content, models[name], data), float(report.modelled_cycles)


def _prunable(model: Any) -> tuple[str, ...]:
    """Layers for which a pattern is sought."""
    from tinyprune import prune

    return tuple(prune.masks_of(model))


def _network(model: Any, patterns: Mapping[str, str], data: _Data) -> bytes:
    """The int8 .tflite of a model pruned so; equal arguments give equal bytes."""
    from tinyprune import prune

    chosen = {layer: pattern for layer, pattern in patterns.items() if pattern != DENSE}
    with quiet_tensorflow():
        if chosen:
            model = prune.unmasked(prune.prune(model, chosen, "reconstruct", data.pruning))
    return quantize.quantize(model, data.pruning)


def _built(content: bytes, board: Board) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(content)
        request = pipeline.BuildRequest(board, Path(folder) / "build", model, compared_inputs=COMPARED_INPUTS)
        report = pipeline.run_build(request, lambda _stage: None)
    if not report.bit_exact:
        raise ModelError("the firmware's outputs are not those of TFLite Micro: please report this")
    if report.modelled_cycles is None:
        raise UsageError(
            f"no emulator models the cycles of {board.name}; sweep for a board whose core has a cost table"
        )
    return report


def _quality(content: bytes, dense: Any, data: _Data) -> float:
    graph = reader.read(content)
    stored = samples.quantize(data.judging.reshape(-1, *graph.input.shape), graph.input, "data")
    answers = reference.infer(graph, stored).reshape(len(stored), -1)
    if data.labels is not None:
        return float((answers.argmax(axis=1) == data.labels).mean())
    shown = (answers.astype(np.float64) - graph.output.zero_point) * float(graph.output.scale)
    wanted = np.asarray(dense.predict(data.judging, verbose=0), np.float64).reshape(len(stored), -1)
    noise = float(((wanted - shown) ** 2).mean()) or 1e-12
    return float(10 * np.log10((wanted**2).mean() / noise))


def _points(study: Any, request: SweepRequest, models: Mapping[str, Any], data: _Data) -> tuple[Point, ...]:
    """The finished trials; the networks of the front are made again where this machine does not have them."""
    finished = [trial for trial in study.get_trials(deepcopy=False) if trial.values is not None]
    kept = {t.number for t in finished if max(_excess(t.user_attrs["used"], request.limits).values(), default=0) <= 0}
    front = _front([trial for trial in finished if trial.number in kept])
    points = []
    for trial in finished:
        patterns, used = trial.user_attrs["patterns"], trial.user_attrs["used"]
        file = request.output / f"trial-{trial.number}.tflite" if trial.number in front else None
        if file is not None and not file.is_file():
            with output.replacing(file) as part:
                part.write_bytes(_network(models[trial.params["model"]], patterns, data))
        points.append(
            Point(
                trial.number,
                trial.params["model"],
                patterns,
                trial.values[0],
                used["cycles"],
                used["flash_bytes"],
                used["ram_bytes"],
                trial.number in kept,
                trial.number in front,
                None if file is None else str(file),
            )
        )
    return tuple(points)


def _front(trials: Sequence[Any]) -> set[int]:
    """Numbers of the trials than which none has as much quality for fewer cycles, or more for as many."""
    best: set[int] = set()
    quality = -np.inf
    for trial in sorted(trials, key=lambda trial: (trial.values[1], -trial.values[0], trial.number)):
        if trial.values[0] > quality:
            quality = trial.values[0]
            best.add(trial.number)
    return best
