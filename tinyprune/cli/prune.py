"""`tinyprune prune`."""

import json
from pathlib import Path
from typing import Literal

import click

from tinyprune.cli import console, options


@click.command("prune", short_help="Prune a Keras model, without labels or training.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--pattern",
    required=True,
    metavar="PATTERN",
    help="N:M such as 2:4 or 1:4; 2:4g2, where 2 neighbouring output channels share positions; unstructured (with "
    "--sparsity) or unstructured-75; threshold-0.8, in standard deviations of a layer's weights, or threshold with "
    "--sparsity and --data, where a scan finds each layer's; channels-50: half the channels go, layers shrink.",
)
@click.option(
    "--method",
    type=click.Choice(["magnitude", "reconstruct", "match"]),
    help="Keep the largest weights; or those that each layer needs most, adjusted; or then match the whole network "
    "to the dense one.  [default: match with --data, else magnitude]",
)
@click.option(
    "--data", type=click.Path(path_type=Path), help=".npy of real inputs without labels, [samples, *input shape]."
)
@click.option(
    "--sparsity", type=float, help="Share of zeros, 0 to 1, for --pattern unstructured (in each layer) or threshold."
)
@click.option("--reorder", is_flag=True, help="Put channels into the order in which N:M loses least; free at run time.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The pruned model, .keras or .h5.")
@options.as_json
@options.quiet
def prune_command(
    model: Path,
    pattern: str,
    method: Literal["magnitude", "reconstruct", "match"] | None,
    data: Path | None,
    sparsity: float | None,
    reorder: bool,
    output: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Prune a Keras MODEL, without labels or training, and say what became of each layer."""
    from dataclasses import asdict

    from tinyprune import pruning

    request = pruning.PruneRequest(model, output, pattern, method, data, sparsity, reorder)
    with console.Progress(quiet or as_json) as progress:
        layers = pruning.run_prune(request, progress)
    if as_json:
        click.echo(json.dumps({"output": str(output), "layers": [asdict(layer) for layer in layers]}, indent=2))
        return
    for layer in layers:
        verdict = layer.reason if layer.pruned else f"not pruned: {layer.reason}"
        count, fate = (layer.removed, "gone") if layer.removed else (layer.zeros, "zero")
        click.echo(f"{layer.name:24} {layer.kind:16} {count:9,} of {layer.weights:9,} weights {fate}  {verdict}")
    click.echo(f"written   {output}")
