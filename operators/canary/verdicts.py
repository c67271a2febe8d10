"""What the planner asks of the analysis: the seam between phases and statistics. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from .models import Metric, MetricStatus
from .terms import Sample, Slot


@dataclass(frozen=True)
class Judgement:
    """What is known of a release by now."""

    verdict: Literal["Harm", "Safe", "Inconclusive"]
    reason: str = ""
    requests: float = 0.0
    """How many the candidate has had in this step, by the metric that counts most."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """For status: what the next look goes on from."""
    metrics: tuple[MetricStatus, ...] = ()


@dataclass(frozen=True)
class Case:
    """What is to be judged."""

    metrics: tuple[Metric, ...]
    alpha: float
    """The risk of a false alarm, of the whole release."""
    evidence: Mapping[str, Any]
    """From status; empty when the candidate is exposed first."""
    samples: tuple[Sample, ...]
    canary: Slot
    now: datetime
    step_ends: bool = False
    """Whether the step's hold is over, when gauges are compared."""


class Judge(Protocol):
    """Absorbs samples and judges."""

    def __call__(self, case: Case) -> Judgement:
        """Judge; an outage adds nothing to the evidence and is told in `metrics`."""
