"""What the operator knows between two looks: `Canary.status`. A restarted operator goes on from it and nothing else."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from operators.canary.terms import Slot
from operators.kit.conditions import Condition

from .base import Model, Time

Phase = Literal[
    "Adopting",
    "Idle",
    "Preparing",
    "Shifting",
    "Analysing",
    "Held",
    "Promoting",
    "Draining",
    "Succeeded",
    "RollingBack",
    "RolledBack",
    "Frozen",
    "GivingBack",
]
Outcome = Literal["Promoted", "Failed", "Aborted", "Superseded", "Returned"]
"""Superseded: by a newer revision. Returned: the template went back to stable's revision in mid-release."""


class Revision(Model):
    """A release in a slot."""

    slot: Slot
    hash: str
    """Of the pod template and the contents of the ConfigMaps and Secrets it refers to."""
    image: str = ""
    """Of the first container, for people."""
    since: Time
    """When it got this role."""


class Weight(Model):
    """Percent of the requests for the candidate."""

    desired: int = 0
    written: int = 0
    """What the HTTPRoute says."""
    observed: int | None = None
    """What the data plane does; absent while it does not say."""
    healed_at: Time | None = None
    """When somebody's change of a foreign route was last undone."""


class GoingBack(Model):
    """Why a release goes back."""

    outcome: Outcome
    reason: str


class FailedRevision(Model):
    """What is not tried again until it changes or somebody says Retry."""

    hash: str
    at: Time
    reason: str


class GateState(Model):
    """One gate of the release that is under way."""

    name: str
    state: Literal["Waiting", "Passed", "Refused"] = "Waiting"
    since: Time
    message: str = ""


class SlotCounts(Model):
    """Bad events among all."""

    events: float = 0
    total: float = 0


class MetricStatus(Model):
    """What is known about one metric of the release that is under way."""

    name: str
    verdict: Literal["Harm", "Safe", "Inconclusive"] = "Inconclusive"
    reason: str = ""
    canary: SlotCounts = SlotCounts()
    stable: SlotCounts = SlotCounts()
    estimate: float | None = None
    """The candidate's rate as a multiple of stable's."""
    low: float | None = None
    high: float | None = None
    e_value: float | None = None
    """Evidence for harm; the release goes back when it reaches `eNeeded`."""
    e_needed: float | None = None
    """1/alpha of this metric: the risk of a false alarm of the release, shared over its metrics."""
    dispersion: float | None = None
    """How much more bad events cluster than independent ones would; evidence is divided by it."""
    need_requests: int | None = None
    eta: str = ""
    outage: str = ""
    """Why the source did not answer at the last look."""


class Copy(Model):
    """An immutable copy of a ConfigMap or Secret."""

    kind: Literal["ConfigMap", "Secret"]
    name: str
    of: str


class TemplateStatus(Model):
    """The Deployment that stands model."""

    generation: int = 0
    """Of the Deployment at the last look; a larger one has not been looked at, and may be a release."""
    scaled_down_at: Time | None = None
    """When the operator took its pods away last."""


class Past(Model):
    """A release that has ended."""

    hash: str
    image: str = ""
    outcome: Outcome
    reason: str = ""
    beside: str = ""
    """The hash it was compared with. The same one: A/A, in which every alarm is a false one."""
    alarm: str = ""
    """In mode observe: what would have been harm."""
    dispersion: float | None = None
    """The most that bad events of any metric clustered, against independent ones."""
    started: Time
    ended: Time


class CanaryStatus(Model):
    """The whole of it."""

    # What a newer operator wrote must not stop an older one.
    model_config = ConfigDict(extra="ignore")

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    message: str = ""
    """What it is doing and what it waits for, in one line."""
    doing: str = ""
    """What the last turn was for; `message` tells it, and what stands in its way."""

    phase: Phase = "Adopting"
    phase_since: Time | None = None
    stable: Revision | None = None
    candidate: Revision | None = None
    previous: Revision | None = None
    """What was stable before; its pods are kept until `keptUntil`."""
    kept_until: Time | None = None
    failed: FailedRevision | None = None
    going_back: GoingBack | None = None

    step: int = 0
    """From 1; 0 before the first."""
    steps: int = 0
    step_since: Time | None = None
    """Since when the step's weight is confirmed; later by what it was not confirmed meanwhile."""
    looking_since: Time | None = None
    """Since when the step is looked at, whatever interrupted it; maxHold counts from here."""
    unconfirmed_at: Time | None = None
    """Since when the weight of the step that is looked at is not confirmed any more; its hold stands."""
    suspended_at: Time | None = None
    """Since when the release is suspended; its clocks stand."""
    lost: tuple[Time, ...] = Field(default=(), max_length=8)
    """When the candidate has lost pods that had been ready."""
    exposed_at: Time | None = None
    """When the candidate got its first request at the earliest."""
    attempt: int = 0
    """Counts the releases; names Jobs and webhooks of one."""
    forced: bool = False
    """Somebody said PromoteFull: verdicts and gates do not count."""
    fast: bool = False
    """Going back to the revision before within the rollback window: no steps."""
    weight: Weight = Weight()
    quiet_since: Time | None = None
    """Since when no request can have been sent to the slot that is drained."""
    last_action_id: str = Field(default="", alias="lastActionID")

    gates: tuple[GateState, ...] = ()
    evidence: dict[str, Any] = Field(default={})
    """Of the analysis: counters since the candidate was exposed."""
    metrics: tuple[MetricStatus, ...] = ()
    alarm: str = ""
    """In mode observe: what would have sent this release back."""
    template: TemplateStatus = TemplateStatus()
    copies: tuple[Copy, ...] = ()
    history: tuple[Past, ...] = Field(default=(), max_length=20)

    replicas: int = 0
    """Pods of both slots, for autoscalers."""
    ready_replicas: int = 0
    selector: str = ""
    """Of the pods of both slots."""
