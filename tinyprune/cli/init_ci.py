"""`tinyprune init-ci`."""

from pathlib import Path

import click

from tinyprune.cli import options


@click.command("init-ci", short_help="Write a GitHub Actions workflow for your repository.")
@click.option(
    "--board",
    "board_names",
    required=True,
    multiple=True,
    metavar="BOARD",
    help="A name from `tinyprune boards`; may be given several times.",
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="An int8 .tflite in the repository.  [default: the zoo's network]"
)
@click.option("--folder", type=click.Path(path_type=Path), default=Path(), help="Root of the repository.  [default: .]")
@click.option(
    "--install",
    metavar="SPEC",
    help="What pip installs in CI: git+https://… or a wheel.  [default: where this tinyprune is from]",
)
@click.option(
    "--max-flash", type=options.Whole(1), metavar="BYTES", help="Largest flash size of the firmware, as in `build`."
)
@click.option(
    "--max-ram", type=options.Whole(1), metavar="BYTES", help="Largest RAM use with the stack, as in `build`."
)
@click.option(
    "--max-cycles", type=options.Whole(1), metavar="N", help="Largest number of modelled cycles, as in `build`."
)
@click.option("--force", is_flag=True, help="Replace an existing workflow.")
def init_ci_command(
    board_names: tuple[str, ...],
    model: Path | None,
    folder: Path,
    install: str | None,
    max_flash: int | None,
    max_ram: int | None,
    max_cycles: int | None,
    force: bool,
) -> None:
    """Write a GitHub Actions workflow that builds, runs and compares the firmware on every push.

    \b
      tinyprune init-ci --board nano33 --model net.tflite
    """
    from tinyprune.device import boards
    from tinyprune.tasks import init_ci as init_ci_task

    found = tuple(boards.load(name) for name in dict.fromkeys(board_names))
    budget = init_ci_task.budget(max_flash, max_ram, max_cycles)
    written = init_ci_task.run_init_ci(init_ci_task.CiRequest(found, folder, model, install, budget, force))
    click.echo(f"written   {written.workflow}")
    for board, emulator in written.targets:
        click.echo(f"runs      {board} in {emulator}")
    for board, _ in written.renode:
        click.echo(f"runs      {board} in Renode, by antmicro/renode-test-action")
    for note in written.notes:
        click.echo(f"note      {note}")
