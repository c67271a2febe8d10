"""What the user asks for: `Canary.spec`. The only source of the CRD's schema; field docs become `kubectl explain`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import ConfigDict, Field

from .analysis import Analysis
from .base import Duration, Model, cel
from .traffic import Match, ServiceSpec, Traffic

Verb = Literal["Promote", "PromoteFull", "Abort", "Retry"]
_GROW = cel(
    (
        "self.map(s, s.weight).isSorted() && self.all(s, self.exists_one(t, t.weight == s.weight))",
        "weights must grow from step to step",
    )
)
_ONE_GATE = cel(
    (
        "[has(self.manual) && self.manual, has(self.webhook), has(self.job)].filter(x, x).size() == 1",
        "a gate is one of manual: true, webhook and job",
    ),
    (
        "self.at == 'step' ? has(self.step) : !has(self.step)",
        "step names the step (from 1) of a gate at: step, and of no other",
    ),
)
_GATES_DIFFER = cel(("self.all(g, self.exists_one(h, h.name == g.name))", "two gates have the same name"))


class TargetRef(Model):
    """The Deployment that becomes the template."""

    api_version: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    name: str = Field(min_length=1, max_length=253)


class Patience(Model):
    """How long something is looked at."""

    hold: Duration = timedelta(seconds=30)
    """At least so long, however good it looks."""
    min_requests: int = Field(default=0, ge=0)
    """At least so many requests reached the candidate in this step. Needs a metric of kind count."""
    max_hold: Duration | None = None
    """Without a verdict after so long, it is Held for somebody to decide; it waits on where absent."""


class Step(Patience):
    """A share of the requests, and how long it is looked at."""

    weight: int = Field(ge=1, le=100)
    """Percent of the requests."""


class BlueGreen(Patience):
    """The candidate stands beside stable in full size, is looked at through its preview, and takes over at once."""

    preview: Match | None = None
    """Requests with this header reach the candidate before the switch."""
    preview_hostnames: tuple[str, ...] = Field(default=(), max_length=16)
    """Under these host names the candidate is reached before the switch, and stable while there is none."""


class ABTest(Patience):
    """Requests that match reach the candidate, all others stable."""

    header: Match | None = None
    cookie: Match | None = None
    percent_replicas: int = Field(default=100, ge=1, le=100)
    """The candidate's size, as a share of the capacity."""


class WebhookGate(Model):
    """A POST that is answered with 2xx (pass), 4xx (refuse) or later."""

    url: str = Field(min_length=1, max_length=2048, pattern="^https?://")
    secret: str = ""
    """A Secret of the namespace whose key `key` signs the body (HMAC-SHA256 in X-Signature-256)."""


class JobGate(Model):
    """A Job that must succeed."""

    template: dict[str, Any]
    """The spec of the Job (batch/v1)."""


class Gate(Model):
    """Something that must agree before the release goes on."""

    model_config = ConfigDict(json_schema_extra=_ONE_GATE)

    name: str = Field(min_length=1, max_length=20, pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    at: Literal["start", "step", "promote"]
    """start: before the candidate gets a pod. step: before that step's weight. promote: before it becomes stable."""
    step: int | None = Field(default=None, ge=1)
    manual: bool = False
    """Opened by `spec.action` Promote."""
    webhook: WebhookGate | None = None
    job: JobGate | None = None
    timeout: Duration = timedelta(minutes=10)
    """A webhook or a Job that has not answered by then has refused. A manual gate waits for ever."""


class Failure(Model):
    """What follows from harm."""

    action: Literal["Rollback", "Freeze"] = "Rollback"
    """Freeze: stay as it is and tell, where going back is not possible (a contracted schema)."""
    keep_candidate: bool = False
    """Leave the failed candidate's pods for a look at them, without requests."""


class Config(Model):
    """ConfigMaps and Secrets that the pods refer to: each release has immutable copies of its own."""

    copies: bool = True
    ignore: tuple[str, ...] = Field(default=(), max_length=64)
    """Names that are referred to and never copied: their change is no release."""


class UserAction(Model):
    """Something to do once."""

    id: str = Field(min_length=1, max_length=64)
    """Done once for each id."""
    verb: Verb
    """Promote: on with it, past the gate or the look that it waits for. PromoteFull: past all of them. Abort: back to
    stable. Retry: try a revision again that had failed; in mode observe and at rest, release what
    serves beside itself (A/A)."""


_RULES = cel(
    (
        "self.targetRef.name == oldSelf.targetRef.name",
        "targetRef cannot be changed: delete this Canary, which gives the Deployment its pods back",
    ),
    (
        (
            "!has(oldSelf.traffic.routes) || (has(self.traffic.routes) && "
            "oldSelf.traffic.routes.all(o, self.traffic.routes.exists(r, r.name == o.name)))"
        ),
        "no route may be taken out of traffic.routes: delete this Canary, which gives it back, and create it anew",
    ),
    (
        "!has(oldSelf.traffic.parentRefs) || size(oldSelf.traffic.parentRefs) == 0 || has(self.traffic.parentRefs)",
        "an own route cannot become somebody else's: delete this Canary, which gives it back, and create it anew",
    ),
    (
        (
            "(has(self.strategy) ? self.strategy : 'canary') != 'canary' || has(self.blueGreen) || has(self.abTest) "
            "|| (has(self.steps) && size(self.steps) > 0)"
        ),
        "steps are missing: name one or more, as steps: [{weight: 10, hold: 1m}]",
    ),
    (
        "!has(self.steps) || !has(self.strategy) || self.strategy == 'canary'",
        "steps are for strategy: canary; leave them out (null), or change strategy",
    ),
    (
        (
            "!has(self.gates) || self.gates.all(g, !has(g.step) || "
            "g.step <= (has(self.steps) && size(self.steps) > 0 ? size(self.steps) : 1))"
        ),
        "a gate's step does not exist: name one from 1 to the number of steps (blueGreen and abTest have one)",
    ),
    (
        "(has(self.strategy) && self.strategy == 'blueGreen') || !has(self.blueGreen)",
        "blueGreen is for strategy: blueGreen; leave it out, or change strategy",
    ),
    (
        "(has(self.strategy) && self.strategy == 'abTest') == has(self.abTest)",
        "abTest is for strategy: abTest, which needs it; leave it out, or change strategy",
    ),
    (
        "!has(self.abTest) || has(self.abTest.header) != has(self.abTest.cookie)",
        "abTest matches either a header or a cookie",
    ),
    (
        (
            "!has(self.steps) || self.steps.all(s, !has(s.minRequests) || s.minRequests == 0) || "
            "!has(self.analysis) || !has(self.analysis.metrics) || "
            "self.analysis.metrics.exists(m, !has(m.kind) || m.kind == 'count')"
        ),
        "minRequests needs a metric of kind count in analysis.metrics, which counts the requests",
    ),
)


class CanarySpec(Model):
    """A Deployment whose releases move by themselves while they are fine, and come back by themselves."""

    model_config = ConfigDict(json_schema_extra=_RULES)

    target_ref: TargetRef
    replicas: int | None = Field(default=None, ge=0)
    """The capacity of the release as a whole, for autoscalers (/scale); the Deployment's at adoption where absent."""
    service: ServiceSpec = ServiceSpec()
    traffic: Traffic
    strategy: Literal["canary", "blueGreen", "abTest"] = "canary"
    steps: tuple[Step, ...] = Field(default=(), max_length=32, json_schema_extra=_GROW)
    """Shares of the requests on the way to all of them."""
    blue_green: BlueGreen | None = None
    ab_test: ABTest | None = None
    gates: tuple[Gate, ...] = Field(default=(), max_length=16, json_schema_extra=_GATES_DIFFER)
    analysis: Analysis = Analysis()
    failure: Failure = Failure()
    config: Config = Config()
    progress_deadline: Duration = timedelta(minutes=10)
    """A candidate whose pods are not ready for so long has failed."""
    drain: Duration = timedelta(seconds=30)
    """For so long a slot keeps its pods after its last request may have been sent to it."""
    rollback_window: Duration = timedelta(minutes=5)
    """For so long after a promotion the old slot keeps its pods, and going back to it needs no steps."""
    dead_man: Duration = timedelta(minutes=2)
    """An operator that says nothing for so long in mid-shift is dead: the watchdog sends all requests to stable."""
    dynamic_stable_scale: bool = False
    """Let stable shrink as the candidate grows. Saves pods; going back then waits for stable to grow again."""
    suspend: bool = False
    """Start no release and take no step by itself. Going back, the capacity and what `action` asks for go on."""
    action: UserAction | None = None
