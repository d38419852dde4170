"""`tinyprune sweep`."""

from pathlib import Path

import click

from tinyprune.cli import console, options


@click.command("sweep", short_help="Search a pattern for each layer under a board's limits.")
@options.board
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help=".npy of real inputs, [samples, *input shape]: the first 256, at most half, prune; the others judge.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help=".npy of class numbers, [samples].  [default: judge by closeness to dense]",
)
@click.option("--trials", default=50, show_default=True, type=options.Whole(1), help="Number of finished trials.")
@click.option(
    "--patterns",
    metavar="A,B,…",
    callback=options.names,
    help="Patterns to try for each layer; channels-25 also tries each model with a quarter of its channels removed.  "
    "[default: dense,2:4,1:4,unstructured-75,unstructured-90]",
)
@options.limits
@click.option(
    "--storage", metavar="URL", help="URL of a database that machines share.  [default: study.db in the output folder]"
)
@click.option("--study", default="tinyprune", show_default=True, help="Name of the study in the database.")
@click.option("--seed", type=options.Whole(0, 2**32 - 1), help="Seed of the search; give each process its own.")
@click.option(
    "-o", "--output", default="sweep", show_default=True, type=click.Path(path_type=Path), help="Output folder."
)
@options.html
@options.trust
@options.as_json
@options.quiet
def sweep_command(
    board_name: str,
    models: tuple[Path, ...],
    data: Path,
    labels: Path | None,
    trials: int,
    patterns: tuple[str, ...] | None,
    max_flash: int | None,
    max_ram: int | None,
    max_cycles: int | None,
    max_ms: float | None,
    max_loss: float | None,
    storage: str | None,
    study: str,
    seed: int | None,
    output: Path,
    html: Path | None,
    trust: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Try patterns for the layers of Keras MODELS within limits of a board, and say which network to take, and why.

    First every pattern is tried on all layers of each model, then a search mixes them. Nothing is trained: layers are
    pruned and adjusted without labels. Give models of several sizes to compare those, too. Run the same command again
    to go on, or on several machines at once with one --storage, such as postgresql+psycopg://user@host/name.

    \b
      tinyprune sweep --board nano33 small.keras large.keras --data x.npy --labels y.npy \\
        --max-flash 60000 --max-ms 20 --max-loss 0.5 --html sweep.html
    """
    from tinyprune.device import boards
    from tinyprune.measure.verdict import of_sweep
    from tinyprune.tasks import sweep

    request = sweep.SweepRequest(
        boards.load(board_name),
        models,
        data,
        output,
        labels,
        trials,
        patterns or sweep.PATTERNS,
        sweep.Limits(max_flash, max_ram, max_cycles, max_ms),
        max_loss,
        storage,
        study,
        seed,
        trust,
    )
    with console.Progress(quiet or as_json) as progress:
        report = sweep.run_sweep(request, progress)
    options.write_page(report, html)
    if as_json:
        click.echo(report.to_json())
        return
    click.echo(of_sweep(report).text)
    inside = sum(point.within_limits for point in report.points)
    click.echo(f"{len(report.points)} trials, {inside} within limits; none beats these:")
    for point in report.front:
        quality = report.told(point.quality)
        mark = "take" if point is report.chosen else "    "
        click.echo(
            f"{mark} {point.modelled_cycles:12,} cycles (modelled)  {quality}  flash {point.flash_bytes:,} B  "
            f"RAM {point.ram_bytes:,} B  {point.file}  {point.model}: {', '.join(point.patterns.values())}"
        )
