"""The forecast beside estimates that were made by hand before there was a program, and why they differ.

In:  forecasts.
Out: for each estimate the difference, and for each that is more than a tenth off, what of the forecast explains it.

The estimates added the largest parts and an allowance; they left out what is paid by traffic, and copies of backups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cluster.reports.cost.model import Cost, Line, total

CLOSE = 0.10
"""A difference up to this share needs no explanation."""
ESTIMATES: dict[str, float] = {"dev": 240, "staging": 470, "prod": 1550}
"""US dollars a month: 50 hours a week in dev, Spot at 0.4, 60 for security services in prod."""


def _is(*resources: str, what: str = "") -> Callable[[Line], bool]:
    return lambda line: line.resource.startswith(resources) and (not what or line.what == what)


PARTS: dict[str, tuple[float, Callable[[Line], bool]]] = {
    "Aurora, writer and reader": (403, _is("rds.ClusterInstance/")),
    "web nodes": (238, _is("ec2.Instance/node-web")),
    "interface end points": (175, _is("ec2.VpcEndpoint/")),
    "system nodes": (119, _is("ec2.Instance/node-system")),
    "NAT": (108, _is("ec2.NatGateway/")),
    "Spot workers": (95, _is("ec2.Instance/node-workers")),
}
"""What the estimate of production names by itself."""
REASONS: dict[str, Callable[[Line], bool]] = {
    "daily snapshots of the database and their copies in the recovery Region and in the isolated account, each as "
    "large as the database": _is("backup.Plan/", "sfn.StateMachine/"),
    "requests and data at the edge: CloudFront and both web ACLs": _is("cloudfront.", "wafv2."),
    "logs, taken in and kept": _is("cloudwatch.LogGroup/"),
    "AWS Config, GuardDuty's own sources and Security Hub, whose prices are known and which the allowance of 60 for "
    "security services leaves out": _is("cfg.Recorder/", "guardduty.Detector/", "securityhub."),
    "custom metrics": _is("eks.Cluster/", what="custom metrics"),
}
"""What the estimates left out; dearest first in production."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An estimate and the forecast of the same."""

    name: str
    estimate: float
    forecast: float
    reasons: tuple[tuple[str, float], ...] = ()
    """What explains the difference, with its amount; only where the difference is more than a tenth."""

    @property
    def share(self) -> float:
        """The difference as a share of the estimate."""
        return self.forecast / self.estimate - 1

    @property
    def is_close(self) -> bool:
        """Whether no explanation is needed."""
        return abs(self.share) <= CLOSE

    @property
    def unexplained(self) -> float:
        """The share that is left when the reasons are taken away."""
        return (self.forecast - sum(amount for _, amount in self.reasons)) / self.estimate - 1


def comparisons(*forecasts: Cost) -> tuple[Comparison, ...]:
    """Return each environment beside its estimate, then the parts that the estimate of production names."""
    found = [_whole(forecast) for forecast in forecasts if forecast.environment in ESTIMATES]
    for forecast in forecasts:
        if forecast.environment == "prod":
            found += [_part(forecast, name) for name in PARTS]
    return tuple(found)


def _whole(forecast: Cost) -> Comparison:
    plain = Comparison(forecast.environment, ESTIMATES[forecast.environment], forecast.total.expected)
    if plain.is_close:
        return plain
    reasons = tuple((why, _sum(forecast, belongs)) for why, belongs in REASONS.items())
    return Comparison(plain.name, plain.estimate, plain.forecast, reasons)


def _part(forecast: Cost, name: str) -> Comparison:
    estimate, belongs = PARTS[name]
    return Comparison(f"{forecast.environment}: {name}", estimate, _sum(forecast, belongs))


def _sum(forecast: Cost, belongs: Callable[[Line], bool]) -> float:
    return total(line for line in forecast.lines if belongs(line)).expected
