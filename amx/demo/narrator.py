"""Who tells the story: on a terminal or a log, or to nobody, when a program wants the result alone."""

from __future__ import annotations

from typing import Protocol

from rich.console import Console
from rich.control import Control
from rich.markup import escape
from rich.segment import ControlType

INDENT = "     "


class Narrator(Protocol):
    """What the steps say, as they go."""

    def chapter(self, number: int, title: str, explanation: str) -> None:
        """Open a step."""

    def command(self, text: str) -> None:
        """Say what is run, as the reader would type it."""

    def line(self, text: str) -> None:
        """Pass on a line of something that runs."""

    def done(self, text: str, *, ok: bool) -> None:
        """Close a step."""


class Voice:
    """Tells it on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def chapter(self, number: int, title: str, explanation: str) -> None:
        """Open a step."""
        self._console.print(f"\n[bold]{number}  {escape(title)}[/]\n   [dim]{escape(explanation)}[/]", highlight=False)

    def command(self, text: str) -> None:
        """Say what is run, as the reader would type it."""
        self._console.print(f"   [cyan]$ {escape(text)}[/]", highlight=False, soft_wrap=True)

    def line(self, text: str) -> None:
        """Pass on a line of something that runs; one that continues the line before takes its place on a terminal."""
        fits = len(text) + len(INDENT) < self._console.width
        if self._console.is_terminal and fits and self._last and text.startswith(self._last):
            self._console.control(Control.move(0, -1), Control((ControlType.ERASE_IN_LINE, 2)))
        self._last = text
        self._console.print(f"{INDENT}{text}", highlight=False, markup=False, soft_wrap=True)

    def done(self, text: str, *, ok: bool) -> None:
        """Close a step."""
        self._last = ""
        mark = "[green]✓[/]" if ok else "[red]✗[/]"
        self._console.print(f"   {mark} {escape(text)}", highlight=False, soft_wrap=True)


class Silence:
    """Tells nothing."""

    def chapter(self, number: int, title: str, explanation: str) -> None:
        """Nobody listens."""

    def command(self, text: str) -> None:
        """Nobody listens."""

    def line(self, text: str) -> None:
        """Nobody listens."""

    def done(self, text: str, *, ok: bool) -> None:
        """Nobody listens."""
