"""`tinyprune page`."""

from pathlib import Path

import click

from tinyprune.cli import options


@click.command("page", short_help="Make a page with pictures from a report.")
@click.argument("report", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File of the page.  [default: REPORT with .html]")
@options.quiet
def page_command(report: Path, output: Path | None, quiet: bool) -> None:
    """Make a page for a browser from REPORT: the report.json of a build, or what a command printed with
    --json: build, check, prune, quantize, bench, audio, sweep.

    Reports of older versions of tinyprune open as well; what they do not tell is left out (docs/reports.md).

    \b
      tinyprune page build/nano33/report.json -o build.html
    """
    from tinyprune import pages
    from tinyprune.measure import schema

    target = output or report.parent / f"{report.stem or 'report'}.html"
    pages.check_target(target)
    pages.write(schema.read(report), target)
    if not quiet:
        click.echo(f"written   {target}")
