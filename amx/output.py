"""How every command speaks: text for people, JSON for programs, and one set of exit codes.

In:  a dataclass that a room behind returned. Out: lines on standard output; progress and errors go to standard error,
so that `amx status --output json | jq` works.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

OK = 0
FAILED = 1
USAGE = 2
NOT_HEALTHY = 3
"""The command did its work, and what it looked at is not well."""
INTERRUPTED = 130


class Format(StrEnum):
    """What `--output` takes."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Format, typer.Option("--output", "-o", help="text for people, json for programs")]


def as_data(value: Any) -> Any:
    """Turn dataclasses, paths, enums and tuples into what JSON has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else _text_of(value)


def show(value: Any, text: str, output: Format, **more: Any) -> None:
    """Print `value`, with `more` beside its fields, as JSON; or `text` as it is."""
    data = as_data(value)
    typer.echo(json.dumps({**data, **as_data(more)} if more else data, indent=2) if output is Format.JSON else text)


def _text_of(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def table(rows: Sequence[tuple[str, ...]], *, indent: str = "") -> str:
    """Lay rows out in columns, two spaces apart."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows)))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows)
    return "\n".join(indent + line for line in lines)


def tilde(path: Path) -> str:
    """Shorten a path below the home directory for reading; never for programs."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
