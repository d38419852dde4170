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
    "--labels", type=click.Path(path_type=Path), help=".npy, [samples], classes.  [default: closeness to dense]"
)
@click.option(
    "--trials", default=50, show_default=True, type=click.IntRange(1), help="Finished ones that the study shall have."
)
@click.option(
    "--patterns",
    metavar="A,B,…",
    callback=options.names,
    help="What layers can be pruned to.  [default: dense,2:4,1:4,unstructured-75,unstructured-90]",
)
@click.option("--max-flash", type=click.IntRange(1), metavar="BYTES", help="Of the firmware.  [default: the board's]")
@click.option("--max-ram", type=click.IntRange(1), metavar="BYTES", help="With the stack.  [default: the board's]")
@click.option("--max-cycles", type=click.IntRange(1), metavar="CYCLES", help="Modelled, of one inference.")
@click.option(
    "--storage", metavar="URL", help="Database that machines share.  [default: study.db in the output folder]"
)
@click.option("--study", default="tinyprune", show_default=True, help="Name of the study in the database.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of the search; one for each worker.")
@click.option("-o", "--output", default="sweep", show_default=True, type=click.Path(path_type=Path), help="Folder.")
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
    storage: str | None,
    study: str,
    seed: int | None,
    output: Path,
    html: Path | None,
    trust: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Search a pattern for each layer of Keras MODELS: the best quality for the fewest modelled cycles on a board.

    Nothing is trained: layers are pruned and adjusted without labels. Run it again to go on, or on several machines at
    once with one --storage, such as postgresql+psycopg://user@host/name.
    """
    from tinyprune.device import boards
    from tinyprune.measure.sweep_report import SweepReport
    from tinyprune.tasks import sweep

    request = sweep.SweepRequest(
        boards.load(board_name),
        models,
        data,
        output,
        labels,
        trials,
        patterns or sweep.PATTERNS,
        sweep.Limits(max_flash, max_ram, max_cycles),
        storage,
        study,
        seed,
        trust,
    )
    with console.Progress(quiet or as_json) as progress:
        points = sweep.run_sweep(request, progress)
    report = SweepReport(request.board.name, labels is not None, points)
    options.write_page(report, html)
    if as_json:
        click.echo(report.to_json())
        return
    click.echo(f"{len(points)} trials, {sum(point.within_limits for point in points)} within limits; none beats these:")
    for point in report.front:
        quality = report.told(point.quality)
        click.echo(
            f"{point.modelled_cycles:12,} cycles (modelled)  {quality}  flash {point.flash_bytes:,} B  "
            f"RAM {point.ram_bytes:,} B  {point.file}  {point.model}: {', '.join(point.patterns.values())}"
        )
