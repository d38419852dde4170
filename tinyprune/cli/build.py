"""`tinyprune build`."""

from pathlib import Path
from typing import Any, Literal

import click

from tinyprune.cli import console, options


@click.command("build", short_help="Make firmware, run it in an emulator, compare with TFLite Micro.")
@options.board
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Output folder.  [default: build/BOARD]")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="A .tflite, int8 or float, a Keras .keras, .h5 or tf_keras SavedModel, a .pt2 of PyTorch, or a name from "
    "`tinyprune zoo`.  [default: ds-cnn-s-2x4, with --audio kws12-s-2x4]",
)
@click.option(
    "--calibration",
    "--data",
    type=click.Path(path_type=Path),
    help="For float models: .npy of real inputs, [samples, *input shape].",
)
@click.option(
    "--labels",
    metavar="Y.npy",
    help="The class of each of these inputs, whole numbers [samples]: the report then has the accuracy, class by "
    "class. With them --calibration goes with an int8 model as well.",
)
@click.option(
    "--requantize",
    is_flag=True,
    help="Quantize the zoo's network anew from its float weights, with the TensorFlow installed here. By default, "
    "build takes the zoo's int8 file as it was measured.",
)
@click.option("--compiler", metavar="NAME", help="C compiler: gcc or zig.  [default: gcc if it is installed, else zig]")
@click.option(
    "--optimize",
    type=click.Choice(["speed", "size", "ram"]),
    default="speed",
    show_default=True,
    help="Fewest cycles, fewest bytes of weights, or the smallest arena. For speed, 4 KB of the flash "
    "(a sixteenth of a small one) stay free for your own code where slower kernels can do that.",
)
@click.option(
    "--constants",
    type=click.Choice(["flash", "ram", "auto"]),
    default="flash",
    show_default=True,
    help="Where weights lie when the network runs. ram: those that fit are copied there at the start; auto: only where "
    "the board waits for its flash, and a quarter of the RAM stays free for your own code.",
)
@click.option(
    "--max-flash",
    type=options.Whole(1),
    metavar="BYTES",
    help="Largest flash size of the firmware.  [default: the board's]",
)
@click.option(
    "--max-ram", type=options.Whole(1), metavar="BYTES", help="Largest RAM use, with the stack.  [default: the board's]"
)
@click.option(
    "--max-cycles",
    type=options.Whole(1),
    metavar="N",
    help="Largest number of modelled cycles of an inference; exit with 3 if it is exceeded.",
)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="OLD/report.json",
    help="report.json of an earlier build; exit with 3 and a table if this build takes more flash, RAM or cycles.",
)
@click.option(
    "--project",
    default="bare",
    show_default=True,
    metavar="KIND",
    help="Kind of project in project/: bare, arduino, platformio, cmake, zephyr, espidf or folder (docs/projects.md).",
)
@click.option(
    "--name",
    help="Name of the network in C (NAME_invoke, tinyprune_NAME.h) and on the serial port (kws01 for MLPerf's runner). "
    "Networks of different names go into one program (docs/c-interface.md).  [default: the model's name]",
)
@click.option(
    "--audio", is_flag=True, help="Build microphone firmware: front end and word detection in C (docs/audio.md)."
)
@click.option(
    "--class-names",
    metavar="A,B,…",
    callback=options.names,
    help="With --audio: names of the model's classes, in the order of its outputs.",
)
@click.option(
    "--gain",
    type=float,
    metavar="DB",
    help="With --audio: gain of the board's microphone, -20 to 20 dB.  [default: -10, Arduino's]",
)
@click.option(
    "--gate",
    type=float,
    metavar="DB",
    help="With --audio: level below which a second of sound is not looked at, in dB of full scale, such as -50.  "
    "[default: none]",
)
@click.option(
    "--runtime",
    default="aot",
    show_default=True,
    metavar="KIND",
    help="aot: plain C calls; tflm: TFLite Micro's interpreter, sparse layers as custom operators (docs/tflm.md).",
)
@click.option(
    "--tflm-root",
    type=click.Path(path_type=Path),
    help="With --runtime tflm: a checkout of TFLite Micro.  [default: TFLM_ROOT]",
)
@click.option("--no-run", is_flag=True, help="Stop before the emulator: nothing is compared or modelled.")
@click.option(
    "--force", is_flag=True, help="Replace files that you have changed; without it the build lists them and stops."
)
@options.html
@options.trust
@options.as_json
@options.quiet
@click.option("-v", "--verbose", is_flag=True, help="Also say why each layer got its kernel.")
def build_command(
    board_name: str,
    output: Path | None,
    model: Path | None,
    calibration: Path | None,
    labels: str | None,
    requantize: bool,
    compiler: str | None,
    optimize: Literal["speed", "size", "ram"],
    constants: Literal["flash", "ram", "auto"],
    max_flash: int | None,
    max_ram: int | None,
    max_cycles: int | None,
    compare: Path | None,
    project: str,
    name: str | None,
    audio: bool,
    class_names: tuple[str, ...] | None,
    gain: float | None,
    gate: float | None,
    runtime: str,
    tflm_root: Path | None,
    no_run: bool,
    force: bool,
    html: Path | None,
    trust: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Make firmware for a board, run it in an emulator and compare its output with TFLite Micro, byte for byte.

    \b
      tinyprune build --board nano33 --model model.tflite --html build.html
    """
    from tinyprune.device import boards
    from tinyprune.tasks import build as build_task
    from tinyprune.tasks import line

    board = boards.load(board_name)
    truth, class_names = _labels(labels, class_names)
    request = build_task.BuildRequest(
        board,
        line.build_folder(output, board),
        model,
        calibration,
        truth,
        compiler,
        optimize,
        constants,
        max_flash,
        max_ram,
        max_cycles,
        compare,
        project,
        name,
        audio,
        class_names,
        runtime,
        tflm_root,
        run=not no_run,
        force=force,
        requantize=requantize,
        trust=trust,
        gain_db=gain,
        gate_db=gate,
    )
    if build_task.is_without_runtime(request):
        _make_project(request, quiet, as_json, verbose)
        return
    with console.Progress(quiet or as_json) as progress:
        report = build_task.run_build(request, progress)
    if as_json:
        click.echo(report.to_json())
    else:
        _show_build(report, request, verbose)
    options.write_page(report, html)


def _labels(labels: str | None, class_names: tuple[str, ...] | None) -> tuple[Path | None, tuple[str, ...] | None]:
    """The file of --labels, and the names of the classes, which were given as --labels in older versions."""
    if labels is None or labels.endswith(".npy"):
        return None if labels is None else Path(labels), class_names
    click.echo(
        "note: names of classes are now given as --class-names; --labels is for a .npy of class numbers", err=True
    )
    return None, options.split(labels)


def _make_project(request: Any, quiet: bool, as_json: bool, verbose: bool) -> None:
    from tinyprune.cli import show
    from tinyprune.tasks import build as build_task

    with console.Progress(quiet or as_json) as progress:
        report = build_task.run_project(request, progress)
    files = "model.tflite, model-tflm.tflite, project/ (its README.md tells how CMake builds it)"
    lines = [*show.project_lines(report), f"written   {request.output}/: {files}"]
    lines += [f"{layer}: {kernel}: {report.reasons[layer]}" for layer, kernel in report.kernels.items() if verbose]
    click.echo(report.to_json() if as_json else "\n".join(lines))


def _show_build(report: Any, request: Any, verbose: bool) -> None:
    from tinyprune.cli import show
    from tinyprune.measure.verdict import of_build

    terminal = console.make()
    terminal.print(show.verdict(of_build(report)))
    terminal.print()
    show.layer_table(report).print(terminal)
    terminal.print()
    for line in show.summary_lines(report):
        terminal.print(line, highlight=False, soft_wrap=True)
    images = report.image.replace(".elf", ".elf, .hex and .bin")
    tool = "the C sources" if request.project == "bare" else f"for {request.project}"
    files = f"{images}, model.tflite, report.json, project/ ({tool})"
    if (request.output / "renode").is_dir():
        files += ", renode/ (scripts for Renode)"
    terminal.print(f"written   {request.output}/: {files}", highlight=False, soft_wrap=True)
    for step in _next_steps(report, request):
        terminal.print(f"next      {step}", highlight=False, soft_wrap=True)
    if verbose:
        for layer in report.layers:
            terminal.print(
                f"{layer.name}: {layer.kernel} ({layer.layout}): {layer.reason}", highlight=False, soft_wrap=True
            )


def _next_steps(report: Any, request: Any) -> list[str]:
    """What the user does with a build: onto the board where it can be flashed, and into the project's own tool."""
    from tinyprune.firmware import projects
    from tinyprune.tasks.line import build_folder

    default = build_folder(None, request.board) == request.output
    where = f"--board {request.board.name}" + ("" if default else f" -o {request.output}")
    steps = []
    if request.board.flashing:
        then = "then it hears" if report.audio else "then `tinyprune bench --port PORT` measures it"
        steps.append(f"tinyprune flash {where}: onto the board; {then}")
    if request.runtime == "aot":
        steps.append(projects.next_step(request.project, request.name or report.model, request.output))
    return steps
