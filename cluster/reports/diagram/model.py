"""What a picture is: boxes in boxes, and arrows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["outside", "account", "region", "network", "public", "private", "isolated", "cluster", "group", "thing"]
"""What a box is; account and region are boundaries that are drawn as such."""


@dataclass(frozen=True)
class Box:
    """Something with a name, and what is in it."""

    id: str
    title: str
    lines: tuple[str, ...] = ()
    kind: Kind = "thing"
    keys: tuple[str, ...] = ()
    """Keys of the resources that it stands for."""
    children: tuple[Box, ...] = ()
    across: bool = False
    """Children stand side by side in equal widths, else one below the other."""
    natural: bool = False
    """Side by side, but each as wide as it needs."""

    def all(self) -> Iterator[Box]:
        """Yield the box and every box in it."""
        yield self
        for child in self.children:
            yield from child.all()


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another."""

    source: str
    target: str
    says: str = ""
    dashed: bool = False
    """Data that is copied, no request."""


@dataclass(frozen=True)
class Picture:
    """Everything that is shown of one environment."""

    title: str
    root: Box
    arrows: tuple[Arrow, ...]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Every box, the outermost first."""
        return tuple(self.root.all())
