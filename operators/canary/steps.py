"""The strategies as one list of steps: pure. Blue-green and A/B are a step of no weight, and then all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from .models import CanarySpec, CanaryStatus, Match, Patience


@dataclass(frozen=True)
class Stage:
    """One step on the way."""

    weight: int
    """Percent of the requests."""
    pods: int
    """The candidate's size in percent of the capacity."""
    hold: timedelta
    min_requests: int
    max_hold: timedelta | None
    header: Match | None = None
    """Requests that reach the candidate beside its share."""
    cookie: Match | None = None

    @property
    def is_matched(self) -> bool:
        """Whether requests reach the candidate by what they carry."""
        return self.header is not None or self.cookie is not None


def stages(spec: CanarySpec) -> tuple[Stage, ...]:
    """Return the steps before promotion; at least one."""
    if spec.strategy == "blueGreen":
        preview = spec.blue_green.preview if spec.blue_green else None
        return (_stage(spec.blue_green or Patience(), 0, 100, header=preview),)
    if spec.strategy == "abTest" and spec.ab_test is not None:
        test = spec.ab_test
        return (_stage(test, 0, test.percent_replicas, header=test.header, cookie=test.cookie),)
    return tuple(_stage(step, step.weight, step.weight) for step in spec.steps) or (_stage(Patience(), 0, 100),)


def _stage(
    patience: Patience, weight: int, pods: int, *, header: Match | None = None, cookie: Match | None = None
) -> Stage:
    return Stage(weight, pods, patience.hold, patience.min_requests, patience.max_hold, header, cookie)


def stage_of(spec: CanarySpec, status: CanaryStatus) -> Stage:
    """Return the step the release is at; the first one before it has begun."""
    known = stages(spec)
    return known[min(max(status.step, 1), len(known)) - 1]
