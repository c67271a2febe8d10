"""Figures of usage: three values and the reason for them."""

from __future__ import annotations

from dataclasses import dataclass

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Range:
    """Low, expected and high, none of them negative."""

    low: float
    expected: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.expected <= self.high:
            raise ValueError(f"0 ≤ low {self.low:g} ≤ expected {self.expected:g} ≤ high {self.high:g} does not hold")

    @classmethod
    def exactly(cls, value: float) -> Range:
        """Return a range without width."""
        return cls(value, value, value)

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def __mul__(self, other: Range | float) -> Range:
        by = other if isinstance(other, Range) else Range.exactly(other)
        return Range(self.low * by.low, self.expected * by.expected, self.high * by.high)

    @property
    def is_exact(self) -> bool:
        """Whether it has no width."""
        return self.low == self.high


NOTHING = Range.exactly(0)
ONE = Range.exactly(1)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure of a usage profile, and why it is assumed."""

    range: Range
    why: str


@dataclass(frozen=True, slots=True)
class Figure:
    """The same figure in the three environments: low, expected and high of each."""

    why: str
    dev: Three
    staging: Three
    prod: Three

    def at(self, name: str) -> Quantity:
        """Return the figure of one environment."""
        return Quantity(Range(*{"dev": self.dev, "staging": self.staging, "prod": self.prod}[name]), self.why)
