"""`tinyprune boards`."""

import json

import click

from tinyprune.cli import options


@click.group("boards", invoke_without_command=True)
@options.as_json
@click.pass_context
def boards_group(context: click.Context, as_json: bool) -> None:
    """List the boards; `boards show NAME` explains one.

    \b
      tinyprune boards
      tinyprune boards show nano33
    """
    if context.invoked_subcommand is None:
        from dataclasses import asdict

        from tinyprune.device import boards

        known = [boards.load(name) for name in boards.names()]
        if as_json:
            click.echo(json.dumps([asdict(board) for board in known], indent=2))
            return
        width = max(len(board.name) for board in known)
        for board in known:
            click.echo(f"{board.name:{width}}  {board.cpu.core:13}  {board.title}")


@boards_group.command("show")
@click.argument("name")
@options.as_json
def boards_show(name: str, as_json: bool) -> None:
    """What tinyprune knows of a board, and where each number comes from.

    \b
      tinyprune boards show nano33
    """
    from dataclasses import asdict

    from tinyprune.device import boards

    board = boards.load(name)
    if as_json:
        click.echo(json.dumps(asdict(board), indent=2))
        return
    for line in boards.explain(board):
        click.echo(line)
    click.echo(f"\n{boards.path_of(name)}, with the sources:\n")
    click.echo(boards.path_of(name).read_text(encoding="utf-8").rstrip())
