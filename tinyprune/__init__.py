"""Structured pruning that a microcontroller runs faster: the Python API.

Each function does what the command of the same name does, prints nothing and returns a typed report. Arguments are
named as the options, with their unit (`--timeout` is `timeout_s`). Only the names in `__all__` are public; all other
modules are private and may change in any version. docs/python-api.md has examples.

These arguments mean the same everywhere:

* `board`: a name that `boards()` lists, the path of a board's .toml file, or a `Board`;
* `output` of build, bench, flash, emulate and audio: the folder of the build, by default `build/BOARD`;
* `port`, `serial_number`, `hardware`: a serial port, a pyserial URL or "auto" (by USB id), instead of an emulator;
* `trust`: load Keras files although they can run code of their own, such as Lambda layers;
* `progress`: called with a sentence as each stage begins; `done`: called with the numbers of things done and in total.

Every function raises `TinypruneError`, or one of its subclasses that its docstring names; the message is the sentence
that the command prints. Unknown boards and contradicting arguments are `UsageError` everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # nothing heavy is imported until a function needs it
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from typing import Any, Literal, Protocol, TypeAlias

    import numpy.typing as npt

    from tinyprune.device.boards import Board
    from tinyprune.errors import (
        DataError,
        Disconnected,
        DoesNotFit,
        Interrupted,
        MemoryExceeded,
        MissingDependency,
        ModelError,
        Obstacle,
        Restarted,
        TargetError,
        TinypruneError,
        UsageError,
        WrongModel,
    )
    from tinyprune.measure.audio_report import AudioReport
    from tinyprune.measure.bench_report import BenchReport
    from tinyprune.measure.check_report import CheckReport
    from tinyprune.measure.report import BuildReport
    from tinyprune.measure.sweep_report import SweepPoint, SweepReport
    from tinyprune.measure.train_report import TrainReport
    from tinyprune.progress import BytesProgress, CountProgress, Progress
    from tinyprune.tasks.bench import Bench
    from tinyprune.tasks.doctor import Diagnosis
    from tinyprune.tasks.emulate import Emulated
    from tinyprune.tasks.flash import FlashReport
    from tinyprune.tasks.init_ci import CiReport
    from tinyprune.tasks.prune import PruneReport
    from tinyprune.tasks.quantize import QuantizeReport
    from tinyprune.training.zoo import ZooEntry

    class KerasModel(Protocol):
        """A model of Keras 2 (tf_keras) or Keras 3: functional, or Sequential and built."""

        def get_config(self) -> Any: ...

    class TorchModel(Protocol):
        """A torch.nn.Module."""

        def state_dict(self) -> Any: ...

    Array: TypeAlias = npt.NDArray[Any]
    PathLike: TypeAlias = str | os.PathLike[str]
    BoardLike: TypeAlias = PathLike | Board
    Split: TypeAlias = Literal["train", "validation", "test"]

__version__ = "0.1.0"

__all__ = [
    "AudioReport",
    "Bench",
    "BenchReport",
    "Board",
    "BuildReport",
    "BytesProgress",
    "CheckReport",
    "CiReport",
    "CountProgress",
    "DataError",
    "Diagnosis",
    "Disconnected",
    "DoesNotFit",
    "Emulated",
    "FlashReport",
    "Interrupted",
    "MemoryExceeded",
    "MissingDependency",
    "ModelError",
    "Obstacle",
    "Progress",
    "PruneReport",
    "QuantizeReport",
    "Restarted",
    "SweepPoint",
    "SweepReport",
    "TargetError",
    "TinypruneError",
    "TrainReport",
    "UsageError",
    "WrongModel",
    "ZooEntry",
    "__version__",
    "audio",
    "bench",
    "board",
    "boards",
    "build",
    "check",
    "doctor",
    "emulate",
    "fetch_data",
    "flash",
    "init_ci",
    "page",
    "prune",
    "quantize",
    "sweep",
    "train",
    "zoo",
]  # fmt: skip

#: Where the public types come from, each imported when it is first asked for; all others are errors.
_HOMES = {
    "AudioReport": "measure.audio_report",
    "Bench": "tasks.bench",
    "BenchReport": "measure.bench_report",
    "Board": "device.boards",
    "BuildReport": "measure.report",
    "BytesProgress": "progress",
    "CheckReport": "measure.check_report",
    "CiReport": "tasks.init_ci",
    "CountProgress": "progress",
    "Diagnosis": "tasks.doctor",
    "Emulated": "tasks.emulate",
    "FlashReport": "tasks.flash",
    "Progress": "progress",
    "PruneReport": "tasks.prune",
    "QuantizeReport": "tasks.quantize",
    "SweepPoint": "measure.sweep_report",
    "SweepReport": "measure.sweep_report",
    "TrainReport": "measure.train_report",
    "ZooEntry": "training.zoo",
}
_T = TypeVar("_T")

if not TYPE_CHECKING:  # a type checker, which would take any name then, knows them from above

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'tinyprune' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"tinyprune.{_HOMES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return __all__


def build(
    model: PathLike | None = None,
    *,
    board: BoardLike,
    output: PathLike | None = None,
    calibration: PathLike | Array | None = None,
    labels: PathLike | Array | None = None,
    requantize: bool = False,
    compiler: str | None = None,
    optimize: Literal["speed", "size", "ram"] = "speed",
    constants: Literal["flash", "ram", "auto"] = "flash",
    max_flash_bytes: int | None = None,
    max_ram_bytes: int | None = None,
    max_cycles: int | None = None,
    compare: PathLike | None = None,
    project: str = "bare",
    name: str | None = None,
    audio: bool = False,
    class_names: Sequence[str] | None = None,
    runtime: str = "aot",
    tflm_root: PathLike | None = None,
    run: bool = True,
    force: bool = False,
    trust: bool = False,
    gain_db: float | None = None,
    gate_db: float | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Make firmware for a board, run it in an emulator and compare its output with TFLite Micro, byte for byte.

    `model` is an int8 .tflite, a Keras file or float .tflite with `calibration` `[samples, *input shape]` (an array or
    a .npy), or a name from `zoo()`; by default the zoo's DS-CNN, with `audio` its network that hears. `labels`
    `[samples]` are the classes of these samples: `report.agreement` then has the accuracy, of an int8 model as well.
    With `audio`, `gain_db` is that of the board's microphone (-20 to 20, by default -10), and seconds that stay below
    `gate_db` of full scale (-90 to 0) are not looked at.
    With `run=False` nothing is compared: `bit_exact` is false. `compare` is the report.json of an earlier build, than
    which this one must not take more.

    Raises ModelError for a network that cannot run, DataError for the calibration, MissingDependency without compiler,
    DoesNotFit, and TargetError where the firmware misbehaves or its outputs differ. The output folder stays as it was.
    """
    from tinyprune.tasks import build as task
    from tinyprune.tasks import line

    target = _board(board)
    request = task.BuildRequest(
        board=target,
        output=line.build_folder(_given(output), target),
        model=_given(model),
        calibration=_given(calibration),
        labels=_given(labels),
        compiler=compiler,
        optimize=optimize,
        constants=constants,
        max_flash_bytes=max_flash_bytes,
        max_ram_bytes=max_ram_bytes,
        max_cycles=max_cycles,
        compare=_given(compare),
        project=project,
        name=name,
        audio=audio,
        class_names=None if class_names is None else tuple(class_names),
        runtime=runtime,
        tflm_root=_given(tflm_root),
        run=run,
        force=force,
        requantize=requantize,
        trust=trust,
        gain_db=gain_db,
        gate_db=gate_db,
    )
    return task.run_build(request, progress or _silent)


def check(
    model: PathLike,
    *,
    board: BoardLike | None = None,
    calibration: PathLike | Array | None = None,
    trust: bool = False,
    progress: Progress | None = None,
) -> CheckReport:
    """Say what a network will need on a board, or on every one, before anything is trained or compiled.

    `model` is what `build` takes; float networks need no `calibration`. The arena is exact, flash and cycles are
    estimates. A network that cannot run raises nothing: look at `report.runs`, and at `report.obstacles` for everything
    that stands in its way.

    Raises UsageError for a model that is not there, DataError for the calibration, MissingDependency for a Keras file
    without TensorFlow.
    """
    from tinyprune.tasks import check as task

    target = None if board is None else _board(board)
    request = task.CheckRequest(_given(model), target, _given(calibration), trust)
    return task.run_check(request, progress or _silent)


def prune(
    model: PathLike | KerasModel | TorchModel,
    pattern: str,
    *,
    output: PathLike | None = None,
    method: Literal["magnitude", "reconstruct", "match"] | None = None,
    data: PathLike | Array | None = None,
    labels: PathLike | Array | None = None,
    sparsity: float | None = None,
    layers: Sequence[str] | None = None,
    others_than: Sequence[str] | None = None,
    reorder: bool = False,
    epochs: int | None = None,
    steps: int | None = None,
    distillation: float | None = None,
    learning_rate: float | None = None,
    batch_samples: int | None = None,
    seed: int | None = None,
    board: BoardLike | None = None,
    max_flash_bytes: int | None = None,
    max_ram_bytes: int | None = None,
    max_cycles: int | None = None,
    max_ms: float | None = None,
    max_loss_points: float | None = None,
    trust: bool = False,
    progress: Progress | None = None,
) -> PruneReport:
    """Prune a Keras or PyTorch model or a .tflite file; with labels, train a float network on with its zeros held. The
    model given stays as it is.

    `pattern` is N:M such as "2:4", "2:4g2", "unstructured-75", "threshold-0.8" or "channels-50" (docs/pruning.md).
    `data` `[samples, *input shape]` are inputs, `labels` classes `[samples]` or values `[samples, *output shape]`:
    arrays, or .npy files. `layers` are names of those to prune, or of those to leave (`others_than`, `--except`).
    `sparsity`, the share of zeros, and `distillation` go from 0 to 1. The pruned model is
    `report.model`, of tf_keras, and the file `output` (.keras or .h5), which labels need. Of a float
    .tflite `output` may be a .tflite, too. Of an int8 .tflite the model is bytes, and `output` a .tflite; TensorFlow is
    not needed. The pattern "auto" takes the one that is best on `board` within the limits, by estimates and by the
    answers to half of the data; `report.recommendation` has all that were tried (SweepReport), and says why.

    Raises ModelError for a model that cannot be pruned, DataError for arrays that do not belong to it,
    MissingDependency without TensorFlow.
    """
    from tinyprune.tasks import prune as task
    from tinyprune.tasks import recommend

    options = {
        "epochs": epochs,
        "steps": steps,
        "distillation": distillation,
        "learning_rate": learning_rate,
        "batch_samples": batch_samples,
        "seed": seed,
    }
    tuning = task.tuning(_given(labels), options)
    request = task.PruneRequest(
        _given(model),
        _given(output),
        pattern,
        method,
        _given(data),
        sparsity,
        reorder,
        tuning,
        trust,
        task.chosen(layers, others_than),
    )
    limits = recommend.Limits(max_flash_bytes, max_ram_bytes, max_cycles, max_ms)
    goal = recommend.Goal(None if board is None else _board(board), limits, max_loss_points)
    return recommend.run_prune(request, goal, progress or _silent)


def quantize(
    model: PathLike | KerasModel | TorchModel,
    calibration: PathLike | Array,
    *,
    labels: PathLike | Array | None = None,
    output: PathLike | None = None,
    ranges: Literal["least-error", "extremes"] = "least-error",
    trust: bool = False,
    progress: Progress | None = None,
) -> QuantizeReport:
    """Quantize a Keras or PyTorch model or a float .tflite to int8, and compare each layer with float.

    `calibration` `[samples, *input shape]` are real inputs, an array or a .npy; a few hundred are enough. `ranges` says
    which values int8 covers; `labels` `[samples]`, the samples' classes, give accuracies in `report.agreement`. The
    network is `report.tflite`, bytes, and the file `output` (.tflite).

    Raises ModelError for a model that TensorFlow Lite cannot convert, DataError for samples that do not belong to it,
    MissingDependency without TensorFlow.
    """
    from tinyprune.tasks import quantize as task

    request = task.QuantizeRequest(_given(model), _given(calibration), _given(output), ranges, _given(labels), trust)
    return task.run_quantize(request, progress or _silent)


def sweep(
    models: PathLike | Sequence[PathLike],
    *,
    board: BoardLike,
    data: PathLike | Array,
    labels: PathLike | Array | None = None,
    output: PathLike = "sweep",
    trials: int = 50,
    patterns: Sequence[str] | None = None,
    max_flash_bytes: int | None = None,
    max_ram_bytes: int | None = None,
    max_cycles: int | None = None,
    max_ms: float | None = None,
    max_loss_points: float | None = None,
    storage: str | None = None,
    study: str = "tinyprune",
    seed: int | None = None,
    trust: bool = False,
    progress: Progress | None = None,
) -> SweepReport:
    """Try patterns for the layers of Keras models within limits of a board, and say which network to take, and why.

    `data` `[samples, *input shape]` are real inputs, `labels` `[samples]` their classes: arrays, or .npy files. RAM
    includes the stack; `max_ms` is of an inference on the board, modelled. With labels, `max_loss_points` chooses the
    fastest network that loses so many points at most beside dense. `output` gets the networks of the points with
    `on_front`, and the database of the study unless `storage` is the URL of another. The same call goes on where an
    earlier one ended.

    Raises ModelError where every trial is refused, DataError for arrays that do not belong to the models,
    MissingDependency without Optuna or TensorFlow.
    """
    from tinyprune.tasks import sweep as task

    request = task.SweepRequest(
        board=_board(board),
        models=_paths(models),
        data=_given(data),
        output=Path(output),
        labels=_given(labels),
        trials=trials,
        patterns=task.PATTERNS if patterns is None else tuple(patterns),
        limits=task.Limits(max_flash_bytes, max_ram_bytes, max_cycles, max_ms),
        most_lost_points=max_loss_points,
        storage=storage,
        study=study,
        seed=seed,
        trust=trust,
    )
    return task.run_sweep(request, progress or _silent)


def train(
    folder: PathLike,
    *,
    output: PathLike,
    words: Sequence[str] | None = None,
    size: Literal["S", "M", "L"] = "S",
    negatives: PathLike | None = None,
    speech_commands: PathLike | None = None,
    epochs: int = 30,
    seed: int = 0,
    front_end: Literal["mfcc10", "logmel40"] | None = None,
    leave_out: Sequence[str] = (),
    architecture: Literal["ds-cnn", "tc-resnet"] = "ds-cnn",
    progress: Progress | None = None,
    done: CountProgress | None = None,
) -> TrainReport:
    """Train a network on recordings of words, prune it 2:4, quantize it to int8, and measure it on what is held out.

    `folder` has a folder of recordings for each word, of any kind and rate; `words` are some of them. `negatives` is a
    folder of folders of sounds without words, `speech_commands` a copy of that data set. The network goes into the
    folder `output`, as an entry of a zoo. `epochs` are of dense training; two thirds as many follow at 2:4. A run that
    was stopped goes on from its last epoch. `architecture` and `size` say which network. `front_end` is what it hears
    of a second: ten MFCC, or 40 log-mel bands, for which it begins with nothing; None is what the architecture usually
    hears (`docs/training.md`). Kinds of sound to `leave_out` are measured with only.

    Raises DataError about recordings, MissingDependency without TensorFlow, soundfile or SciPy.
    """
    from tinyprune.tasks import train as task

    request = task.TrainRequest(
        Path(folder),
        Path(output),
        None if words is None else tuple(words),
        size,
        _given(negatives),
        _given(speech_commands),
        epochs,
        seed,
        front_end,
        tuple(leave_out),
        architecture,
    )
    return task.run_train(request, progress or _silent, done)


def bench(
    board: BoardLike,
    *,
    output: PathLike | None = None,
    port: str | None = None,
    serial_number: str | None = None,
    hardware: bool = False,
    emulator: str | None = None,
    inputs: PathLike | Array | Mapping[str, PathLike | Array] | None = None,
    count: int = 8,
    samples: PathLike | None = None,
    labels: Sequence[str] | None = None,
    split: Split | None = None,
    limit: int | None = None,
    runs: int = 1,
    warmup: int = 1,
    clock: bool = True,
    csv: PathLike | None = None,
    history: PathLike | None = None,
    compare: PathLike | None = None,
    tolerance_percent: float = 2.0,
    accuracy_tolerance_points: float = 0.5,
    progress: Progress | None = None,
    done: CountProgress | None = None,
) -> Bench:
    """Run a finished build on a board or in an emulator: latency, throughput, every output byte, accuracy.

    `inputs` `[samples, *input shape]`, int8 or real values or of the model's own type, is an array or a .npy, or one of
    them for each input by name; by default `count` inputs are generated. `samples` is a folder of known classes, for
    accuracy.

    A run that breaks off is reported as far as it came: look at `report.error`, `report.bit_exact` and `regressions`.
    Raises UsageError without a build, TargetError where no firmware answers, WrongModel where another one does,
    DataError for inputs or samples. KeyboardInterrupt passes, once `csv` and `history` are written.
    """
    from tinyprune.tasks import bench as task
    from tinyprune.tasks import line

    target = _board(board)
    named = inputs if isinstance(inputs, Mapping) else {} if inputs is None else {"": inputs}
    request = task.BenchRequest(
        board=target,
        output=line.build_folder(_given(output), target),
        emulator=emulator,
        port=port,
        serial_number=serial_number,
        hardware=hardware,
        inputs={name: _given(each) for name, each in named.items()},
        count=count,
        samples=_given(samples),
        labels=None if labels is None else tuple(labels),
        split=split,
        limit=limit,
        runs=runs,
        warmup=warmup,
        clock=clock,
        csv=_given(csv),
        history=_given(history),
        compare=_given(compare),
        tolerance_percent=tolerance_percent,
        accuracy_tolerance_points=accuracy_tolerance_points,
    )
    found = task.run_bench(request, progress or _silent, done)
    _pass_on(found.report.error)
    return found


def flash(
    board: BoardLike,
    *,
    output: PathLike | None = None,
    method: str | None = None,
    port: str | None = None,
    serial_number: str | None = None,
    timeout_s: float = 120.0,
    progress: BytesProgress | None = None,
) -> FlashReport:
    """Put a finished build on the board, verify it and start it.

    `method` is a key of the board's `flashing`, by default the first. `progress` is called with the name of a step,
    bytes done, and bytes in total or None.

    Raises UsageError without a build or for several boards that could be meant, MissingDependency without the method's
    tool, TargetError where the board refuses, Interrupted on Ctrl-C: the board may then hold half a program.
    """
    from tinyprune.tasks import flash as task
    from tinyprune.tasks import line

    target = _board(board)
    folder = line.build_folder(_given(output), target)
    request = task.FlashRequest(target, folder, method, port, serial_number, timeout_s)
    return task.run(request, progress or _silent)


def emulate(
    board: BoardLike,
    *,
    output: PathLike | None = None,
    emulator: str | None = None,
    tcp: tuple[str, int] | None = None,
    link: PathLike | None = None,
    clock: bool = True,
) -> AbstractContextManager[Emulated]:
    """Run a finished build in an emulator behind a serial port while a `with` block lasts.

    The block gets what programs open, `device`: a pseudo terminal, or with `tcp` (host, port; 0 is any that is free)
    a URL for `serial.serial_for_url`. `link` is a symbolic link to the pseudo terminal. Without `clock` it is faster,
    but the firmware's clock may stand still.

    Entering the block raises UsageError without a build or where the port is taken, MissingDependency without the
    emulator; leaving it raises TargetError if the firmware ended meanwhile.
    """
    from tinyprune.tasks import emulate as task
    from tinyprune.tasks import line

    target = _board(board)
    folder = line.build_folder(_given(output), target)
    return task.emulated(task.EmulateRequest(target, folder, emulator, tcp, _given(link), clock))


def audio(
    board: BoardLike,
    recordings: PathLike | Sequence[PathLike],
    *,
    output: PathLike | None = None,
    port: str | None = None,
    hardware: bool = False,
    emulator: str | None = None,
    split: Split | None = None,
    stream: bool = False,
    events: PathLike | None = None,
    microphone: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
    done: CountProgress | None = None,
) -> AudioReport:
    """Stream recordings to microphone firmware (`build(audio=True)`) and report what it recognizes.

    `recordings` are .wav files, 16 kHz, 16 bits, mono, or folders of them; a folder named as a label says the word.
    With `stream` they are of any kind and length, and `report.streams` has hits and false alarms of each folder's;
    `events` is a .csv of what is said when. With `microphone` the emulated chip's own hears them.

    A run that breaks off is reported as far as it came, with `error`. Raises UsageError without a build or recordings,
    DataError for another kind of file, TargetError where nothing was heard at all. KeyboardInterrupt passes.
    """
    from tinyprune.tasks import audio as task
    from tinyprune.tasks import line

    target = _board(board)
    folder = line.build_folder(_given(output), target)
    request = task.AudioRequest(
        target, folder, _paths(recordings), emulator, port, hardware, split, limit, stream, _given(events), microphone
    )
    report = task.run_audio(request, progress or _silent, done)
    _pass_on(report.error)
    return report


def boards() -> tuple[Board, ...]:
    """The boards that tinyprune knows, by name."""
    from tinyprune.device import boards as known

    return tuple(known.load(name) for name in known.names())


def board(name: PathLike) -> Board:
    """The board of that name, or of a .toml file. Raises UsageError for an unknown name or a file that is none."""
    from tinyprune.device import boards as known

    return known.load(os.fspath(name))


def zoo() -> tuple[ZooEntry, ...]:
    """The trained networks that come with tinyprune; `build` takes their names."""
    from tinyprune.training import zoo as entries

    return tuple(entries.load(name) for name in entries.list_entries())


def page(report: PathLike | BuildReport | CheckReport | BenchReport, *, output: PathLike | None = None) -> str:
    """Make a page for a browser of a report, or of the file that has one: HTML without script, written to `output` too.

    Raises MissingDependency without the extra "html", UsageError where a file cannot be read or written, DataError for
    a file that is no report.
    """
    from tinyprune import pages
    from tinyprune.measure import schema

    found = schema.read(Path(report)) if isinstance(report, str | os.PathLike) else report
    if output is not None:
        pages.write(found, Path(output))
    return pages.make(found)


def doctor(*, progress: Progress | None = None) -> Diagnosis:
    """What is installed, plugged in and permitted, and how to get what is missing. Raises nothing for what is."""
    from tinyprune.tasks import doctor as task

    return task.diagnose(progress or _silent)


def init_ci(
    boards: BoardLike | Sequence[BoardLike],
    *,
    folder: PathLike = ".",
    model: PathLike | None = None,
    install: str | None = None,
    max_flash_bytes: int | None = None,
    max_ram_bytes: int | None = None,
    max_cycles: int | None = None,
    force: bool = False,
) -> CiReport:
    """Write a GitHub Actions workflow that builds, runs and compares the firmware on every push.

    `folder` is the root of the repository, `model` an int8 .tflite in it, `install` what pip installs there;
    limits are what the firmware may take, as for `build`.
    Raises UsageError where a workflow is there already, unless told to `force` it, or could not work.
    """
    from tinyprune.device import boards as known
    from tinyprune.tasks import init_ci as task

    several = [boards] if isinstance(boards, str | os.PathLike | known.Board) else boards
    targets = {found.name: found for found in map(_board, several)}
    budget = task.budget(max_flash_bytes, max_ram_bytes, max_cycles)
    return task.run_init_ci(
        task.CiRequest(tuple(targets.values()), Path(folder), _given(model), install, budget, force)
    )


def fetch_data(
    folder: PathLike,
    *,
    url: str | None = None,
    sha256: str | None = None,
    max_bytes: int = 4 << 30,
    progress: BytesProgress | None = None,
) -> Path:
    """Download Speech Commands, or the .tar.gz at `url` with that `sha256`, and unpack it as `folder`.

    `progress` is called with the name of a step, bytes done, and bytes in total or None. The same call goes on where an
    earlier one was cut off. Raises UsageError where the folder exists or cannot be written, DataError for a download
    that fails, is damaged, or larger than `max_bytes`.
    """
    from tinyprune.training import download

    return download.fetch(Path(folder), url=url, sha256=sha256, max_bytes=max_bytes, progress=progress or _silent)


def _board(board: BoardLike) -> Board:
    from tinyprune.device import boards as known

    return board if isinstance(board, known.Board) else known.load(os.fspath(board))


def _given(given: PathLike | _T) -> Path | _T:
    """A path as Path; arrays, models and None as they are."""
    return Path(given) if isinstance(given, str | os.PathLike) else given


def _paths(given: PathLike | Sequence[PathLike]) -> tuple[Path, ...]:
    several = [given] if isinstance(given, str | os.PathLike) else given
    return tuple(Path(path) for path in several)


def _silent(*_: object) -> None:
    """Progress that nobody asked for."""


def _pass_on(error: str | None) -> None:
    """Ctrl-C, which tasks put into their reports, ends a program as it usually does."""
    if error == "interrupted":
        raise KeyboardInterrupt
