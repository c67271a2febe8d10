"""`amx up | down | status | doctor`: the local cluster's life."""

from __future__ import annotations

from typing import Annotated

import typer

from amx.output import Format, OutputOption


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(doctor)


def up(
    workers: Annotated[int, typer.Option(min=0, max=9, help="nodes beside the control-plane node")] = 0,
    output: OutputOption = Format.TEXT,
) -> None:
    """Bring the cluster up, or up to date: safe to call again at any time, also after an interruption."""


def down(output: OutputOption = Format.TEXT) -> None:
    """Remove the cluster and all it stored; what was downloaded and built stays in the cache."""


def status(output: OutputOption = Format.TEXT) -> None:
    """Say what runs and whether it is fine; exit code 3 when it is not."""


def doctor(output: OutputOption = Format.TEXT) -> None:
    """List what is missing or unhealthy, with the command that mends it; exit code 3 when there is something."""
