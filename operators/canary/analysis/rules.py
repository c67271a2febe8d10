"""What a metric is judged by: frozen values, made by the planner from the spec.

In: nothing. Out: `MetricRule` and how the risk of a false rollback is shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["count", "gauge"]
Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class MetricRule:
    """One metric of a release."""

    name: str
    kind: Kind = "count"
    """`count`: bad events among all, tested at every look. `gauge`: a level, compared once at a step's end."""
    alpha: float = 0.01
    """The risk of calling Harm wrongly, over the whole release: this metric's share (`share`)."""
    beta: float = 0.05
    """The risk of calling Safe wrongly: such a canary goes on to a step where it is still watched."""
    tolerance: float | None = 1.0
    """How much worse than stable the canary may be: 1.0 allows twice stable's rate. None: not compared.

    The nearer to 0, the longer until Safe: at 0.5 three times the requests of 1.0.
    """
    floor: float = 0.001
    """An event rate of the canary below which no ratio counts as harm (counts only)."""
    slo: float | None = None
    """The largest allowed event rate, or level of a gauge (the smallest, where `direction` is down)."""
    required: bool = True
    """Whether a step waits for this metric to be Safe; Harm counts either way."""
    innocent: bool = False
    """Safe while nothing speaks against it: for what is so rare that a release never lasts long enough to show it."""
    unit: str = "requests"
    """What is counted, for people."""
    direction: Direction = "up"
    """Which way is worse, for gauges. Counts are bad events, so up."""

    def __post_init__(self) -> None:
        """Refuse what cannot be judged; raises ValueError."""
        if not (0 < self.alpha < 1 and 0 < self.beta < 1):
            raise ValueError(f"metric {self.name}: alpha and beta are risks between 0 and 1")
        if self.tolerance is None and self.slo is None:
            raise ValueError(f"metric {self.name}: neither tolerance nor slo, so there is nothing to judge by")
        if self.tolerance is not None and self.tolerance < 0:
            raise ValueError(f"metric {self.name}: tolerance is at least 0")
        if self.kind == "count" and (self.direction == "down" or not self._rates_fit()):
            raise ValueError(f"metric {self.name}: a count is of bad events; floor and slo are rates between 0 and 1")

    def _rates_fit(self) -> bool:
        return 0 <= self.floor < 1 and (self.slo is None or 0 < self.slo < 1)


def share(alpha: float, metrics: int) -> float:
    """Return the risk that each of `metrics` metrics may take, so that all together take `alpha`."""
    return alpha / max(metrics, 1)


def spent(alpha: float, steps: int) -> float:
    """Return the risk that a gauge's comparison may take in its `steps`-th step: a half, a sixth, a twelfth...

    All of them together take `alpha`, however many steps there are and however often one is begun again.
    """
    step = max(steps, 1)
    return alpha / (step * (step + 1))
