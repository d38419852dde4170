"""`tinyprune doctor`."""

import sys
from typing import TYPE_CHECKING

import click

from tinyprune.cli import console, options
from tinyprune.errors import MissingDependency

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tinyprune.tasks.doctor import Check

_MARKS = {"ok": "[green]✓[/]", "missing": "[dim]–[/]", "problem": "[bold red]✗[/]"}


@click.command("doctor", short_help="What is here, what is missing for what, and how to get it.")
@click.option("--udev", is_flag=True, help="Only print the udev rules for all boards and probes (Linux).")
@options.as_json
@options.quiet
def doctor_command(udev: bool, as_json: bool, quiet: bool) -> None:
    """List what is installed, plugged in and permitted, what is missing for what, and the command that brings it.

    Exit code 0 if `tinyprune build` works here, 2 otherwise.

    \b
      tinyprune doctor
    """
    from tinyprune.tasks import doctor

    if udev:
        click.echo("\n".join(doctor.udev_rules()))
        return
    with console.Progress(quiet or as_json) as progress:
        found = doctor.diagnose(progress)
    if as_json:
        click.echo(found.to_json())
    else:
        terminal = console.make()
        style = "bold green" if found.works else "bold red"
        terminal.print(f"{'OK' if found.works else 'NOT OK'}  {found.verdict}", style=style, highlight=False)
        terminal.print(f"\ntinyprune {found.tinyprune}, Python {found.python}, {found.system}\n", highlight=False)
        terminal.print(_table(found.checks))
        for one in found.connected:
            owners, where = " or ".join(one.boards), one.device or "no serial port"
            terminal.print(f"\nconnected  {owners}: {one.what}, {one.usb_id}, {where}", highlight=False, soft_wrap=True)
            if one.problem:
                terminal.print(f"           {one.problem}: {one.cure}", highlight=False, soft_wrap=True, markup=False)
        if not found.connected:
            terminal.print("\nconnected  no board that a board file knows by its USB id", highlight=False)
        _print_cures(terminal, found.checks)
    if not found.works:
        sys.exit(MissingDependency.exit_code)


def _table(checks: "tuple[Check, ...]") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in ("", "what", "found", "for"):
        table.add_column(head, overflow="fold")
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            table.add_row("", f"[bold]{group}[/]")
        found = check.found or check.state
        table.add_row(_MARKS[check.state], check.name, escape(found), escape(check.needed_for))
    return table


def _print_cures(terminal: "Console", checks: "tuple[Check, ...]") -> None:
    wanted = [check for check in checks if check.cure]
    if wanted:
        terminal.print("\nto get the rest:")
    for check in wanted:
        terminal.print(f"  {check.name}: {check.cure}", highlight=False, soft_wrap=True, markup=False)
