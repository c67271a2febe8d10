"""`amx receipt`: what a push did, told again."""

from __future__ import annotations

from typing import Annotated

import typer

from amx.output import Format, OutputOption


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(receipt)


def receipt(
    revision: Annotated[str, typer.Argument(help="commit, at least 7 digits; without it the newest push")] = "",
    output: OutputOption = Format.TEXT,
) -> None:
    """Show what a push did: every application it touched, how far it came and in what time."""
    raise NotImplementedError(revision, output)
