"""Which pattern for which layer of which model: a search under a board's limits, with Optuna.

A trial prunes one of the models layer by layer, without labels (`training/prune`), quantizes it, builds firmware and
runs it in the board's emulator. Two things are wanted of it: quality and few modelled cycles; the answer is the front
of the trials that none beats in both. Every finished trial is in the study's database, so a search goes on after a
kill, and many machines share one (Akiba et al., "Optuna", arXiv:1907.10902).
"""

import hashlib
import json
import re
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyprune import files
from tinyprune.compiler import reader, reference, samples, sparsity
from tinyprune.compiler.samples import Source
from tinyprune.device.boards import Board
from tinyprune.digest import sha256
from tinyprune.errors import DataError, DoesNotFit, MissingDependency, ModelError, UsageError, first_line
from tinyprune.progress import Progress
from tinyprune.tasks import build as build_task
from tinyprune.tasks import values
from tinyprune.training import keras3, keras_model, prune, quantization_error, quantize
from tinyprune.training.keras_model import check_samples, sample_shape
from tinyprune.training.quiet import quiet_tensorflow

DENSE = "dense"
PATTERNS = (DENSE, "2:4", "1:4", "unstructured-75", "unstructured-90")
#: Of the samples, which prune and quantize; the others judge.
PRUNING_SAMPLES = 256
FEWEST_JUDGES = 16
#: How often a trial's process is heard of; one silent for twice as long has died, and its trial is made again.
HEARTBEAT_S = 60
#: How often a trial that died is made again.
RETRIES = 3
#: Processes that begin a study at once all make its tables, and all but one fail at some of them.
CONNECT_ATTEMPTS = 5
CONNECT_WAIT_S = 0.5
#: Inputs of each firmware that are compared with TFLite Micro.
COMPARED_INPUTS = 4
#: Closer to the dense network than this is as good.
MOST_DECIBELS = 200.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a network must stay within; None where there is no limit but the board's own. RAM includes the stack."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    cycles: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SweepRequest:
    board: Board
    models: tuple[Path, ...]
    data: Source  # [samples, *input shape]
    output: Path  # folder for the networks of the front, and the database unless `storage` says otherwise
    labels: Source | None = None  # [samples], whole numbers
    trials: int = 50  # finished ones that the study shall have
    patterns: tuple[str, ...] = PATTERNS
    limits: Limits = field(default_factory=Limits)
    storage: str | None = None  # URL of a database; None: SQLite in the output folder
    study: str = "tinyprune"
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """A finished trial."""

    number: int
    model: str
    patterns: Mapping[str, str]
    """Of each prunable layer; "dense" where it can take none that was asked for."""
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
class _Model:
    keras: Any  # of tf_keras
    sha256: str
    choices: Mapping[str, tuple[str, ...]]
    """For each layer that can be pruned, the patterns to choose from."""


@dataclass(frozen=True, slots=True)
class _Data:
    pruning: npt.NDArray[np.float32]
    judging: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64] | None  # of those that judge
    sha256: str
    labels_sha256: str | None


def run_sweep(request: SweepRequest, progress: Progress) -> tuple[SweepPoint, ...]:
    """All of `tinyprune sweep`: the study's finished trials, in their order, the front's networks as files.

    Raises TinypruneError of every kind; what was finished before is in the database.
    """
    _check(request)
    optuna = _optuna()
    models = {path.stem: _load(path, request.patterns) for path in request.models}
    _check_patterns(request.patterns, models)
    data = _data(request, models)
    request.output.mkdir(parents=True, exist_ok=True)

    def objective(trial: Any) -> tuple[float, float]:
        return _try(optuna, trial, request, models, data, progress)

    done = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED
    enough = optuna.study.MaxTrialsCallback(request.trials, states=done)
    with _storage(optuna, request) as storage:
        study = _study(optuna, storage, request.study, request.seed, _asked(request, models, data))
        if len(study.get_trials(deepcopy=False, states=done)) < request.trials:
            study.optimize(objective, callbacks=[enough])
        return _points(study, request, models, data, progress)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingDependency('a sweep needs Optuna: pip install "tinyprune[sweep]"') from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _check(request: SweepRequest) -> None:
    limits = request.limits
    values.at_least(1, trials=request.trials, max_flash=limits.flash_bytes, max_ram=limits.ram_bytes)
    values.at_least(1, max_cycles=limits.cycles)
    values.at_least(0, seed=request.seed)
    if not request.models:
        raise UsageError("give at least one Keras model to prune")
    for path in request.models:
        if not path.exists():
            raise UsageError(f"there is no model {path}")
    names = [path.stem for path in request.models]
    if len(set(names)) < len(names):
        raise UsageError(f"models must have different file names, not {', '.join(names)}")
    for text in request.patterns:
        if text != DENSE:
            try:
                pattern = sparsity.parse(text)
            except ValueError as error:
                raise UsageError(f"--patterns: {error}") from None
            if isinstance(pattern, sparsity.Threshold):
                raise UsageError(
                    f"--patterns: {text} is a rule about magnitudes, and a sweep reconstructs; leave it out"
                )


def _load(path: Path, patterns: Sequence[str]) -> _Model:
    model = keras_model.load(path)
    sample_shape(model)  # refuses subclassed models, which have no configuration, among others
    config = json.dumps(json.loads(model.to_json())["config"], sort_keys=True)  # without the version of Keras
    digest = sha256(config, *model.get_weights())
    model = keras3.rebuild(model) if keras3.is_keras_3(model) else model
    return _Model(model, digest, _choices(model, patterns))


def _choices(model: Any, patterns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each layer that pruning knows, the patterns that it can take."""
    takers = {text: prune.masks_of(model, sparsity.parse(text)) for text in patterns if text != DENSE}
    return {
        layer: tuple(text for text in patterns if text == DENSE or layer in takers[text]) or (DENSE,)
        for layer in prune.masks_of(model, sparsity.Unstructured(0.5))
    }


def _check_patterns(patterns: Sequence[str], models: Mapping[str, _Model]) -> None:
    taken = {text for model in models.values() for choices in model.choices.values() for text in choices}
    for text in patterns:
        if text != DENSE and text not in taken:
            raise UsageError(f"--patterns: no layer of {', '.join(models)} can take {text}; leave it out")


def _data(request: SweepRequest, models: Mapping[str, _Model]) -> _Data:
    """All samples and labels, checked with every model. Integers are values as well, int8 too."""
    given, called = samples.load_array(request.data), samples.called(request.data)
    for name, model in models.items():
        try:
            checked = check_samples(model.keras, given, "sweep")
        except DataError as error:
            raise DataError(f"{called}, for model {name}: {error}") from None
    if len(checked) < 2 * FEWEST_JUDGES:
        raise DataError(f"{called} has {len(checked)} samples; a sweep needs {2 * FEWEST_JUDGES} or more")
    labels = None if request.labels is None else _labels(request.labels, models, len(checked))
    pruning = min(PRUNING_SAMPLES, len(checked) // 2)
    return _Data(
        checked[:pruning],
        checked[pruning:],
        None if labels is None else labels[pruning:],
        sha256(checked),
        None if labels is None else sha256(labels),
    )


def _labels(source: Source, models: Mapping[str, _Model], count: int) -> npt.NDArray[np.int64]:
    labels, name = samples.load_array(source), samples.called(source)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise DataError(
            f"{name}: [{count}] whole numbers are needed, one for each sample, not {labels.dtype} {list(labels.shape)}"
        )
    numbers = labels.astype(np.int64)
    for model_name, model in models.items():
        classes = _classes(model_name, model.keras)
        wrong = np.flatnonzero((numbers < 0) | (numbers >= classes))
        if len(wrong):
            raise DataError(
                f"{name}: label {wrong[0]} is {labels[wrong[0]]}; "
                f"the classes of model {model_name} are 0 to {classes - 1}"
            )
    return numbers


def _classes(name: str, model: Any) -> int:
    """How many a model tells apart. Raises UsageError where its answers are of another kind."""
    shape = model.output_shape
    axes = shape[1:] if isinstance(shape, tuple) else ()
    several = [axis for axis in axes if axis != 1]
    if len(several) != 1 or not isinstance(several[0], int):
        raise UsageError(
            f"model {name} has output {shape}: --labels are for models with an output for each of several classes; "
            "leave them out to compare with the dense network"
        )
    return several[0]


@contextmanager
def _storage(optuna: Any, request: SweepRequest) -> Iterator[Any]:
    """The database, connected. Raises UsageError where it cannot be."""
    url = request.storage or f"sqlite:///{(request.output / 'study.db').resolve()}"
    try:
        storage = _connected(optuna, url)
    except Exception as error:  # whatever the database's driver raises
        raise UsageError(f"the storage {_without_password(url)} cannot be used: {first_line(error)}") from None
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


def _asked(request: SweepRequest, models: Mapping[str, _Model], data: _Data) -> dict[str, Any]:
    """What the trials of a study have in common, as JSON: contents, wherever the files are."""
    return {
        "board": request.board.name,
        "models": {name: models[name].sha256 for name in sorted(models)},
        "patterns": list(request.patterns),
        "data": data.sha256,
        "labels": data.labels_sha256,
    }


def _study(optuna: Any, storage: Any, name: str, seed: int | None, asked: Mapping[str, Any]) -> Any:
    """The study of that name, made where it does not exist; refused where something else was asked of it."""
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        directions=["maximize", "minimize"],
        load_if_exists=True,
    )
    if seed is not None:  # who goes on must not try again what was tried first
        seed = seed if not study.trials else int(np.random.SeedSequence([seed, len(study.trials)]).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(seed=seed)
    known = study.user_attrs.get("asked")
    if known is None:
        study.set_user_attr("asked", asked)
    elif known.keys() != asked.keys():
        raise UsageError(
            f"the study {name} was begun by another version of tinyprune, which kept other facts about it; "
            "give --study another name"
        )
    elif known != asked:
        differing = " and ".join(key for key in asked if known[key] != asked[key])
        raise UsageError(
            f"the study {name} was begun with other {differing}; give --study another name, or ask the same"
        )
    return study


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url


def _excess(used: Mapping[str, int], limits: Limits) -> dict[str, float]:
    """By which share each limit is exceeded; none above 0 means that all are kept."""
    return {key: used[key] / most - 1 for key, most in asdict(limits).items() if most is not None}


def _try(
    optuna: Any, trial: Any, request: SweepRequest, models: Mapping[str, _Model], data: _Data, progress: Progress
) -> tuple[float, float]:
    name = trial.suggest_categorical("model", sorted(models))
    model = models[name]
    patterns = {
        layer: trial.suggest_categorical(f"{name}/{layer}", choices) for layer, choices in model.choices.items()
    }
    progress(f"trial {trial.number}: {name}, {', '.join(patterns.values())}")
    try:
        content = _network(model.keras, patterns, data)
        report = _built(content, request.board)
    except (DoesNotFit, ModelError) as error:
        progress(f"trial {trial.number} is refused: {error}")
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
    trial.set_user_attr("network", hashlib.sha256(content).hexdigest())
    return _quality(content, model.keras, data), float(report.modelled_cycles)


def _network(model: Any, patterns: Mapping[str, str], data: _Data) -> bytes:
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
    if not report.bit_exact:
        raise ModelError("the firmware's outputs are not those of TFLite Micro: please report this")
    if report.modelled_cycles is None:
        raise UsageError(
            f"no emulator models the cycles of {board.name}; sweep for a board whose core has a cost table"
        )
    return report


def _quality(content: bytes, dense: Any, data: _Data) -> float:
    graph = reader.read(content)
    source, target = graph.ends("sweep")
    stored = samples.quantize(data.judging.reshape(-1, *source.shape), source, "data")
    answers = reference.infer(graph, stored)
    if data.labels is not None:
        return float((answers.argmax(axis=1) == data.labels).mean())
    wanted = np.asarray(dense.predict(data.judging, verbose=0)).reshape(len(stored), -1)
    ratio = quantization_error.sqnr_db(target, wanted, answers)
    return min(max(ratio, -MOST_DECIBELS), MOST_DECIBELS)  # neither a database nor JSON knows infinity


def _points(
    study: Any, request: SweepRequest, models: Mapping[str, _Model], data: _Data, progress: Progress
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
    kept = {t.number for t in finished if max(_excess(t.user_attrs["used"], request.limits).values(), default=0) <= 0}
    front = _front([trial for trial in finished if trial.number in kept])
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
            )
        )
    return tuple(points)


def _file(
    trial: Any, patterns: Mapping[str, str], model: Any, request: SweepRequest, data: _Data, progress: Progress
) -> Path:
    """The trial's network, made again where this machine does not have it: its name has the digest of its bytes."""
    file = _named(request.output, trial, trial.user_attrs["network"])
    if not file.is_file():
        content = _network(model, patterns, data)
        made = _named(request.output, trial, hashlib.sha256(content).hexdigest())
        if made != file:
            progress(f"{made} has other bytes than in the trial, which another machine or tinyprune made")
        file = made
        with files.replacing(file) as part:
            part.write_bytes(content)
    return file


def _named(folder: Path, trial: Any, digest: str) -> Path:
    return folder / f"trial-{trial.number}-{digest[:8]}.tflite"


def _front(trials: Sequence[Any]) -> set[int]:
    """Numbers of the trials than which none has as much quality for fewer cycles, or more for as many."""
    best: set[int] = set()
    quality = -np.inf
    for trial in sorted(trials, key=lambda trial: (trial.values[1], -trial.values[0], trial.number)):
        if trial.values[0] > quality:
            quality = trial.values[0]
            best.add(trial.number)
    return best
