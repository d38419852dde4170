"""What MkDocs does not do by itself for our site (mkdocs.yml): decisions, links out of docs/, help of commands."""

import os
import re
from pathlib import Path
from typing import Any

import click

from tinyprune.cli import cli

#: Where the sources are to be seen. Without it, links to them become their path.
SOURCES = os.environ.get("TINYPRUNE_SOURCES", "")
_MARK = "<!-- help of every command -->"
_WIDTH = 100


def on_config(config: Any) -> Any:
    """Decisions by name, and pages that mkdocs.yml names nowhere as how-tos: whoever adds one need not edit it."""
    folder = Path(config["docs_dir"])
    sections = {title: pages for part in config["nav"] if isinstance(part, dict) for title, pages in part.items()}
    sections["Explanation"].append({"Decisions": _pages(folder, "decisions/*.md")})
    named = str(config["nav"])
    sections["How-tos"] += [page for page in _pages(folder, "*.md") if f"'{page}'" not in named]
    return config


def _pages(folder: Path, pattern: str) -> list[str]:
    return [page.relative_to(folder).as_posix() for page in sorted(folder.glob(pattern))]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    depth = page.file.src_uri.count("/") + 1
    outside = rf"\[([^\]]*)\]\((?:\.\./){{{depth}}}([^)]+)\)"
    markdown = re.sub(outside, lambda link: _source(link[1], link[2]), markdown)
    return markdown.replace(_MARK, _help()) if _MARK in markdown else markdown


def _source(text: str, path: str) -> str:
    return f"[{text}]({SOURCES.rstrip('/')}/{path})" if SOURCES else f"{text} (`{path}`)"


def _help() -> str:
    return "\n".join(_sections(cli, "tinyprune"))


def _sections(group: click.Group, name: str) -> "list[str]":
    found = []
    for command in group.commands.values():
        called = f"{name} {command.name}"
        context = click.Context(command, info_name=called, terminal_width=_WIDTH, max_content_width=_WIDTH)
        found.append(f"## {called}\n\n```text\n{command.get_help(context)}\n```\n")
        if isinstance(command, click.Group):
            found += _sections(command, called)
    return found
