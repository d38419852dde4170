"""`tinyprune prune`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tinyprune.cli import console, options
from tinyprune.errors import DoesNotFit

if TYPE_CHECKING:
    from tinyprune.measure.sweep_report import SweepReport
    from tinyprune.tasks.prune import PruneReport


@click.command("prune", short_help="Prune a Keras or PyTorch model or a .tflite.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--pattern",
    required=True,
    metavar="PATTERN",
    shell_complete=options.complete_pattern,
    help="Pattern of zeros: N:M such as 2:4 or 1:4; 2:4g2, where 2 neighbouring output channels share positions; "
    "unstructured-75, or unstructured with --sparsity; threshold-0.8, in standard deviations of a layer's weights, or "
    "threshold with --sparsity and --data, where a scan finds each layer's threshold; channels-50, which removes half "
    "of the channels; auto, which tries 2:4, 2:4g2 and 1:4 for --board, and says which to take, and why.",
)
@click.option(
    "--method",
    type=click.Choice(["magnitude", "reconstruct", "match"]),
    help="magnitude keeps the largest weights; reconstruct keeps those that each layer needs most, and adjusts them; "
    "match then adjusts the whole network to the dense one (float networks).  [default: with --data the last that the "
    "model takes, else magnitude]",
)
@click.option("--data", type=click.Path(path_type=Path), help=".npy of real inputs, [samples, *input shape].")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help=".npy of each sample's class, whole numbers [samples], or of the wanted outputs, [samples, *output shape]. "
    "With it, the network is trained on while its zeros are held, and a tenth of the samples is held out to measure "
    "what pruning cost. To resume an interrupted run, repeat the command.",
)
@click.option("--epochs", type=options.Whole(1), help="Total number of fine-tuning epochs.  [default: 10]")
@click.option(
    "--steps",
    type=options.Whole(1),
    help="Number of steps of gradual pruning: 1:4 in 3 steps goes by way of 3:4 and 2:4, with training after each.  "
    "[default: 1]",
)
@click.option(
    "--distillation",
    type=click.FloatRange(0, 1),
    help="Weight of the distillation loss, from 0 (labels only) to 1 (dense network only).  [default: 0]",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="Peak learning rate of the Adam optimizer.  [default: 0.001]",
)
@click.option("--batch", "batch_samples", type=options.Whole(1), help="Batch size.  [default: 64]")
@click.option(
    "--seed", type=options.Whole(0, 2**32 - 1), help="Seed of the order of samples and of dropout.  [default: 0]"
)
@click.option(
    "--sparsity", type=float, help="Share of zeros, 0 to 1, for --pattern unstructured (in each layer) or threshold."
)
@click.option(
    "--layers",
    metavar="A,B,…",
    callback=options.names,
    help="Prune these layers only, by name; * stands for anything.  [default: all that can be]",
)
@click.option("--except", "others_than", metavar="A,B,…", callback=options.names, help="Prune all layers but these.")
@click.option("--reorder", is_flag=True, help="Reorder channels first so that N:M loses least; free at run time.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The pruned model: .keras or .h5; of a .tflite, a .tflite too.",
)
@click.option(
    "--board",
    "board_name",
    metavar="BOARD",
    shell_complete=options.complete_board,
    help="With --pattern auto: a name from `tinyprune boards`, or a board's .toml file.",
)
@options.limits
@options.html
@options.trust
@options.as_json
@options.quiet
def prune_command(
    model: Path,
    pattern: str,
    method: Literal["magnitude", "reconstruct", "match"] | None,
    data: Path | None,
    labels: Path | None,
    sparsity: float | None,
    layers: tuple[str, ...] | None,
    others_than: tuple[str, ...] | None,
    reorder: bool,
    output: Path,
    board_name: str | None,
    max_flash: int | None,
    max_ram: int | None,
    max_cycles: int | None,
    max_ms: float | None,
    max_loss: float | None,
    html: Path | None,
    trust: bool,
    as_json: bool,
    quiet: bool,
    **training: Any,
) -> None:
    """Prune MODEL, a Keras file or a .tflite, and report what became of each layer. With --labels, also train it on.

    A float .tflite and a .pt2 of PyTorch are pruned like a Keras model. Of an int8 .tflite only weights change, with
    the biases and scales that belong to them; it needs neither Keras nor labels.

    \b
      tinyprune prune model.tflite --pattern 2:4 --data x.npy -o pruned.tflite
      tinyprune prune model.tflite --pattern auto --board nano33 --data x.npy \\
        --max-flash 60000 --max-loss 0.5 -o pruned.tflite
    """
    from tinyprune.device import boards
    from tinyprune.tasks import prune as prune_task
    from tinyprune.tasks import recommend

    tuning = prune_task.tuning(labels, training)
    request = prune_task.PruneRequest(
        model, output, pattern, method, data, sparsity, reorder, tuning, trust, prune_task.chosen(layers, others_than)
    )
    board = boards.load(board_name) if board_name and pattern == recommend.AUTO else None
    goal = recommend.Goal(board, recommend.Limits(max_flash, max_ram, max_cycles, max_ms), max_loss)
    with console.Progress(quiet or as_json) as progress:
        report = recommend.run_prune(request, goal, progress)
    options.write_page(report, html)
    if as_json:
        click.echo(report.to_json())
    else:
        _show(report)
    if report.recommendation is not None and report.recommendation.chosen is None:
        sys.exit(DoesNotFit.exit_code)


def _show(report: "PruneReport") -> None:
    if report.recommendation is not None:
        _show_recommendation(report.recommendation)
    for note in report.notes:
        click.echo(f"warning: {note}", err=True)
    for layer in report.layers:
        verdict = layer.reason if layer.pruned else f"not pruned: {layer.reason}"
        count, fate = (layer.removed, "gone") if layer.removed else (layer.zeros, "zero")
        click.echo(f"{layer.name:24} {layer.kind:16} {count:9,} of {layer.weights:9,} weights {fate}  {verdict}")
    scores = report.held_out
    if scores is not None:
        figures = (f"{name} {value:.4f}" for name, value in (
            ("dense", scores.dense), ("pruned", scores.pruned), ("trained on", scores.fine_tuned),
        ))  # fmt: skip
        click.echo(f"held out  {scores.samples} samples, {scores.metric}: {', '.join(figures)}")
    if report.output is not None:
        click.echo(f"written   {report.output}")


def _show_recommendation(report: "SweepReport") -> None:
    """The verdict, then each pattern that was tried."""
    from tinyprune.measure.verdict import of_sweep

    click.echo(of_sweep(report).text)
    heads = ("pattern", "right" if report.labelled else "as dense", "cycles", "ms", "flash", "RAM", "within limits")
    rows = [
        (
            point.title,
            f"{point.quality:.2%}",
            f"{point.modelled_cycles:,}",
            "–" if point.ms is None else f"{point.ms:,.1f}",
            *(f"{count:,}" for count in (point.flash_bytes, point.ram_bytes)),
            ("yes, take it" if point is report.chosen else "yes") if point.within_limits else "no",
        )
        for point in report.points
    ]
    console.Grid(heads, rows, words=("pattern", "within limits"), spare=("RAM", "ms")).print(console.make())
    click.echo(f"judged on {report.judged:,} samples that did not prune, before any training; the rest is estimated")
    if report.chosen is not None and report.chosen.is_dense:
        click.echo("written   nothing: take the network as it is")
    if report.chosen is None:
        click.echo("next      tinyprune sweep: it tries fewer channels, several models, and a pattern for each layer")
