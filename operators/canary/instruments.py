"""What observing needs beside the Kubernetes API, as a Protocol: counts, weights and gates.

The real ones are `apparatus`, out of `metrics/`, `routers/` and the web hooks of `asking`. Nothing here raises: what
cannot be read is an outage (`Sample.outage`, `DataPlane.problem`) or a gate that waits on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from operators.kit.kube import KubeApi, Manifest

from .measured import metrics_of
from .models import Canary, Gate
from .routers import Feature
from .routes import written
from .seen import DataPlane, GateAnswer
from .terms import SLOTS, Sample, Slot


class Instruments(Protocol):
    """Reads what the data plane does and what the sources count; asks gates."""

    def features(self, router: str) -> frozenset[Feature]:
        """What a router can do."""

    async def data_plane(self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None]) -> DataPlane:
        """What every replica of the gateway does with the slots now."""

    async def samples(
        self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None], at: datetime
    ) -> tuple[Sample, ...]:
        """Look once at every metric."""

    async def ask(self, api: KubeApi, canary: Canary, gate: Gate) -> GateAnswer:
        """Ask a webhook; the same question may be asked twice and carries the same key then."""


class Trusting:
    """Takes what routes say for what gateways do, and counts nothing: for clusters without a data plane, in tests."""

    def features(self, router: str) -> frozenset[Feature]:
        """As in Instruments."""
        return frozenset({Feature.WEIGHTS, Feature.HEADERS}) if router else frozenset()

    async def data_plane(self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None]) -> DataPlane:
        """As in Instruments."""
        del api
        weights: dict[Slot, int] = dict.fromkeys(SLOTS, 0)
        for route in routes.values():
            said = written(canary, "b", route).weight
            if said is not None:
                weights = {"a": 100 - said, "b": said}
        return DataPlane(weights, weights, "")

    async def samples(
        self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None], at: datetime
    ) -> tuple[Sample, ...]:
        """As in Instruments."""
        del api, routes
        return tuple(Sample(metric.name, at, outage="no source") for metric in metrics_of(canary.spec))

    async def ask(self, api: KubeApi, canary: Canary, gate: Gate) -> GateAnswer:
        """As in Instruments."""
        del api, canary
        return GateAnswer("waiting", f"gate {gate.name} cannot be asked")
