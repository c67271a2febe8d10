"""The list prices that every forecast of cost stands on, each with its source and date.

In:  the file of a Region beside this module; README.md there says what its fields mean and how they are renewed.
Out: frozen prices by key. A key that is not there raises `NoPriceError`: no price is ever guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

REGION = "us-east-1"
"""The only Region whose prices are kept."""
PLACE = Path(__file__).parent


class NoPriceError(KeyError):
    """The data has no price of that key."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"the price data has no {self.key}"


@dataclass(frozen=True, slots=True)
class Price:
    """One price, in US dollars by its unit, or a ratio that goes with prices."""

    key: str
    value: float
    unit: str
    """`USD/` and what is counted (`USD/GB`), else `ratio` or `GB`."""
    source: str
    as_of: str
    """Date of the source, ISO."""
    note: str = ""
    first_tier: float | None = None
    """Up to how many units a month it holds; None: always."""
    undated: bool = False
    """Whether the source has no date, so that `as_of` is when it was seen."""
    assumption: bool = False
    """Whether it is a figure for planning that no price list contains."""

    @property
    def counted(self) -> str:
        """What one unit is: `GB` of `USD/GB`."""
        return self.unit.removeprefix("USD/")


@dataclass(frozen=True)
class Prices:
    """The prices of one Region."""

    region: str
    currency: str
    hours_per_month: float
    compiled: str
    rows: dict[str, Price]

    def __getitem__(self, key: str) -> Price:
        if key not in self.rows:
            raise NoPriceError(key)
        return self.rows[key]

    def __contains__(self, key: object) -> bool:
        return key in self.rows

    def __iter__(self) -> Iterator[Price]:
        return iter(self.rows.values())

    def value(self, key: str) -> float:
        """Return the number alone."""
        return self[key].value

    def having(self, key: str, value: float) -> Prices:
        """Return the same prices with another value of one, for tests and for asking what if."""
        return replace(self, rows={**self.rows, key: replace(self[key], value=value)})


@cache
def load(region: str = REGION) -> Prices:
    """Return the prices of a Region; FileNotFoundError where none are kept."""
    content = json.loads((PLACE / f"{region}.json").read_text())
    rows = {row["key"]: Price(**row) for row in content["prices"]}
    if len(rows) != len(content["prices"]):
        raise ValueError(f"{region}.json names a key twice")
    return Prices(content["region"], content["currency"], content["hours_per_month"], content["compiled"], rows)
