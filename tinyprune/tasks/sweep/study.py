"""The study in its database, which processes and machines share."""

import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyprune.errors import MissingDependency, UsageError, first_line
from tinyprune.tasks.sweep.inputs import Data, Model
from tinyprune.tasks.sweep.request import SweepRequest

#: How often a trial's process is heard of; one silent for twice as long has died, and its trial is made again.
HEARTBEAT_S = 60
#: How often a trial that died is made again.
RETRIES = 3
#: Processes that begin a study at once all make its tables, and all but one fail at some of them.
CONNECT_ATTEMPTS = 5
CONNECT_WAIT_S = 0.5


def optuna_or_refusal() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingDependency('a sweep needs Optuna: pip install "tinyprune[sweep]"') from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextmanager
def storage_of(optuna: Any, request: SweepRequest) -> Iterator[Any]:
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


def asked(request: SweepRequest, models: Mapping[str, Model], data: Data) -> dict[str, Any]:
    """What the trials of a study have in common, as JSON: contents, wherever the files are."""
    return {
        "board": request.board.name,
        "models": {name: models[name].sha256 for name in sorted(models)},
        "patterns": list(request.patterns),
        "data": data.sha256,
        "labels": data.labels_sha256,
    }


def study_of(
    optuna: Any, storage: Any, name: str, seed: int | None, asked: Mapping[str, Any], first: Sequence[Mapping[str, Any]]
) -> Any:
    """The study of that name, made where it does not exist; refused where something else was asked of it. Its first
    trials have the parameters `first`."""
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        directions=["maximize", "minimize"],
        load_if_exists=True,
    )
    if seed is not None:  # who goes on must not try again what was tried first
        seed = seed if not study.trials else int(np.random.SeedSequence([seed, len(study.trials)]).generate_state(1)[0])
    study.sampler = _sampler(optuna, seed, first)
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


def _sampler(optuna: Any, seed: int | None, first: Sequence[Mapping[str, Any]]) -> Any:
    class FirstGiven(optuna.samplers.TPESampler):  # type: ignore[misc]
        """By the number of a trial, which is nobody else's: processes that begin a study at once share these, too."""

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            if trial.number < len(first):
                return first[trial.number][name]
            return super().sample_independent(study, trial, name, distribution)

    return FirstGiven(seed=seed)


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url
