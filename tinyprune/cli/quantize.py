"""`tinyprune quantize`."""

from pathlib import Path
from typing import Literal

import click

from tinyprune.cli import console, options


@click.command("quantize", short_help="Quantize a Keras or PyTorch model or a float .tflite.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--calibration",
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help=".npy of real inputs, [samples, *input shape]; a few hundred are enough.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help=".npy of the class of each of these inputs, whole numbers [samples]: the report then has the accuracy of "
    "float and of int8, class by class.",
)
@click.option(
    "--ranges",
    type=click.Choice(["least-error", "extremes"]),
    default="least-error",
    show_default=True,
    help="What int8 covers of each tensor's values: the range that rounds them with the least squared error, or from "
    "the smallest to the largest, as TensorFlow Lite does by itself.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File of the int8 .tflite.")
@options.html
@options.trust
@options.as_json
@options.quiet
def quantize_command(
    model: Path,
    calibration: Path,
    labels: Path | None,
    ranges: Literal["least-error", "extremes"],
    output: Path,
    html: Path | None,
    trust: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Quantize MODEL, a Keras file, a .pt2 of PyTorch or a float .tflite, and say what int8 costs each layer.

    \b
      tinyprune quantize model.tflite --calibration x.npy -o int8.tflite
    """
    from tinyprune.cli import show
    from tinyprune.tasks import quantize as quantize_task

    request = quantize_task.QuantizeRequest(model, calibration, output, ranges, labels, trust)
    with console.Progress(quiet or as_json) as progress:
        report = quantize_task.run_quantize(request, progress)
    options.write_page(report.figures, html)
    if report.unknown is not None:
        click.echo(f"warning: what int8 costs each layer is not known: {report.unknown}", err=True)
    for note in () if as_json else report.notes:
        click.echo(f"warning: {note}", err=True)
    if as_json:
        click.echo(report.to_json())
        return
    if report.layers:
        click.echo(f"{'layer':24} {'SQNR':>8} {'largest error':>14} {'clipped':>8}")
    for error in report.layers:
        click.echo(f"{error.name:24} {error.sqnr_db:5.1f} dB {error.largest:13.1%} {error.clipped:8.2%}")
    for line in show.agreement_lines(report.agreement):
        click.echo(line)
    click.echo(f"written   {output}")
