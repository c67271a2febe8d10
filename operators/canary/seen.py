"""Everything that is known about a Canary in one pass, frozen: the input of `plan`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from operators.kit.kube import Manifest

from .routers import Feature
from .terms import Sample, Slot

CANARY_LABEL = "automatrix.dev/canary"
SLOT_LABEL = "automatrix.dev/slot"
OWNED_BY = "automatrix.dev/canary-uid"
"""Annotation of what a Canary has made or taken over. No ownerReference: a foreground deletion, which is how GitOps
prunes, takes everything that has one away at once, while it still serves."""
REVISION = "automatrix.dev/revision"
"""Annotation of a slot Deployment: the hash of what it runs."""


@dataclass(frozen=True)
class SlotSeen:
    """One slot's Deployment and Service as they are; None where there is none."""

    deployment: Manifest | None = None
    service: Manifest | None = None

    @property
    def revision(self) -> str:
        """The hash of what it runs; '' where it has none."""
        metadata: Manifest = (self.deployment or {}).get("metadata") or {}
        return str((metadata.get("annotations") or {}).get(REVISION) or "")

    @property
    def replicas(self) -> int:
        """How many pods it is asked to have."""
        return replicas_of(self.deployment)

    @property
    def ready(self) -> int:
        """How many of its pods are available and run what it asks for now."""
        return ready_of(self.deployment)

    @property
    def is_unread(self) -> bool:
        """Whether its controller has yet to see the newest change, so that nobody knows how many pods are ready."""
        return self.deployment is not None and not _is_read(self.deployment)

    @property
    def pods(self) -> int:
        """How many pods there are, whatever they run."""
        return int(((self.deployment or {}).get("status") or {}).get("replicas") or 0)


def replicas_of(deployment: Manifest | None) -> int:
    """What a Deployment asks for: 1 where it does not say, 0 where there is none."""
    if deployment is None:
        return 0
    asked = (deployment.get("spec") or {}).get("replicas")
    return 1 if asked is None else int(asked)


def ready_of(deployment: Manifest | None) -> int:
    """Available pods of the newest template; 0 while the controller has not seen the newest change."""
    if deployment is None or not _is_read(deployment):
        return 0
    status = deployment.get("status") or {}
    # Nothing tells which of the available pods are old ones: all the old ones may be.
    old = int(status.get("replicas") or 0) - int(status.get("updatedReplicas") or 0)
    return max(0, int(status.get("availableReplicas") or 0) - old)


def _is_read(deployment: Manifest) -> bool:
    seen = int((deployment.get("status") or {}).get("observedGeneration") or 0)
    return seen >= int(deployment["metadata"].get("generation") or 0)


@dataclass(frozen=True)
class ConfigSeen:
    """A ConfigMap or Secret that the template refers to; `manifest` is None where it does not exist."""

    kind: Literal["ConfigMap", "Secret"]
    name: str
    manifest: Manifest | None
    hash: str = ""
    """Of its contents."""
    copied: bool = True
    """False: referred to as it is (rotated by its owner, or the user said so); its change is no release."""


@dataclass(frozen=True)
class DataPlane:
    """What the gateway's replicas do, in percent of the requests: the lowest and the highest of any replica.

    An outage is no answer: nothing is confirmed, and nothing is taken back.
    """

    lowest: Mapping[Slot, int] = field(default_factory=dict)
    highest: Mapping[Slot, int] = field(default_factory=dict)
    problem: str = "not looked at"
    """Why there is no answer; '' where there is one."""

    def has(self, slot: Slot, weight: int) -> bool:
        """Whether every replica gives the slot exactly so much."""
        return not self.problem and self.lowest.get(slot, 0) == weight == self.highest.get(slot, 0)


@dataclass(frozen=True)
class GateAnswer:
    """What a webhook or a Job said; `waiting` until it has said anything."""

    verdict: Literal["passed", "refused", "waiting"]
    message: str = ""


@dataclass(frozen=True)
class Neighbours:
    """What else in the namespace concerns a Canary: names, each in order."""

    autoscalers: tuple[str, ...] = ()
    """HorizontalPodAutoscalers whose target is the template."""
    older_rivals: tuple[str, ...] = ()
    """Canaries with the same target that were there before this one."""
    services: tuple[str, ...] = ()
    """Services of somebody else that select what the template's pods are labelled with: the pods of both slots."""


@dataclass(frozen=True)
class Seen:
    """One look at everything."""

    template: Manifest | None = None
    """The Deployment of spec.targetRef."""
    revision: str = ""
    """Of what the template asks for; '' while something it refers to is missing."""
    missing: tuple[str, ...] = ()
    """ConfigMaps and Secrets the template refers to that are not there (optional ones do not count)."""
    configs: tuple[ConfigSeen, ...] = ()
    copies: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of the copies that exist, of those that may be wanted."""
    slots: Mapping[Slot, SlotSeen] = field(default_factory=dict)
    apex: Manifest | None = None
    """The Service of the Canary's name."""
    routes: Mapping[str, Manifest | None] = field(default_factory=dict)
    """The own HTTPRoute, or those of somebody else, by name."""
    preview: Manifest | None = None
    """The HTTPRoute of the preview under host names of its own."""
    trouble: str = ""
    """Why the candidate's pods do not come up, in the kubelet's words."""
    data_plane: DataPlane = DataPlane()
    samples: tuple[Sample, ...] = ()
    gates: Mapping[str, GateAnswer] = field(default_factory=dict)
    around: Neighbours = Neighbours()
    features: frozenset[Feature] = frozenset()
    """What the router can do."""

    def slot(self, slot: Slot) -> SlotSeen:
        """Return the slot; an empty one where nothing of it exists."""
        return self.slots.get(slot) or SlotSeen()
