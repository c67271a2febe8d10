"""Tables, which every view is made of: as text for a terminal and as Markdown.

In:  a `Table`: title, what precedes it, heads and rows. A head that begins with `$` is of figures, to the right.
Out: text without a line break at its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WIDEST = 60
"""Columns of text are cut at that many characters; Markdown and JSON have all of it."""


@dataclass(frozen=True)
class Table:
    """What is shown together."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    before: str = ""


def text_table(table: Table, widest: int = WIDEST) -> str:
    """Return one table for a terminal."""
    heads = [head.removeprefix("$") for head in table.heads]
    rows = [[_cut(cell, widest) for cell in row] for row in table.rows]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    right = [head.startswith("$") for head in table.heads]
    shown = [_aligned(row, widths, right) for row in (heads, *rows)]
    before = [table.before] if table.before else []
    return "\n".join([table.title, *before, *shown]) if rows else f"{table.title}: none"


def _aligned(row: list[str], widths: list[int], right: list[bool]) -> str:
    cells = [
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(row, widths, right, strict=True)
    ]
    return "  ".join(["", *cells]).rstrip()


def _cut(cell: str, widest: int) -> str:
    return cell if len(cell) <= widest else f"{cell[: widest - 1]}…"


def markdown_table(table: Table, level: int = 2) -> str:
    """Return one table as Markdown under its title."""
    title = f"{'#' * level} {table.title}"
    if not table.rows:
        return f"{title}\n\nNone."
    heads = [head.removeprefix("$") for head in table.heads]
    marks = ["---:" if head.startswith("$") else "---" for head in table.heads]
    rows = [_row(row) for row in (heads, marks, *table.rows)]
    before = [table.before, ""] if table.before else []
    return "\n".join([title, "", *before, *rows])


def _row(cells: Iterable[str]) -> str:
    safe = [cell.replace("|", "\\|").replace("*", "\\*") for cell in cells]
    return f"| {' | '.join(safe)} |"
