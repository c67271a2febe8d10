"""The parts of an environment: every field in which two of them may differ, and why anybody would want that.

In:  what `environments.py` says.
Out: frozen, checked values, of which `specification.py` makes the whole.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from cluster import catalogue

Name = Literal["dev", "staging", "prod"]
Tier = Literal["edge", "compute", "data", "observability", "security"]
DataClass = Literal["operational", "audit", "personal"]


def _known(kind: str, offered: dict[str, catalogue.Size]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in offered:
            raise ValueError(f"unknown {kind} type {value!r}; known: {', '.join(offered)}")
        return value

    return AfterValidator(check)


InstanceType = Annotated[str, _known("instance", catalogue.INSTANCES)]
DatabaseType = Annotated[str, _known("database", catalogue.DATABASES)]
CacheType = Annotated[str, _known("cache", catalogue.CACHES)]
Days = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """Frozen, and without fields that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Network(Part):
    """The address space and what leaves it."""

    cidr: IPv4Network
    """Range of the VPC, a /16; environments have different ones, so that they could be connected one day."""
    recovery_cidr: IPv4Network
    """Range kept free for the same VPC in the recovery Region."""
    service_cidr: IPv4Network
    """Range of Kubernetes service addresses; never routed, but it must hide nothing that pods want to reach."""
    zones: tuple[str, ...] = ("a", "b", "c")
    """Suffixes of the Availability Zones; each gets a public, a private and an isolated subnet."""
    nat: Literal["single", "per-zone"] = "single"
    """`single`: one NAT gateway, cheapest, and a zone's outage takes the way out along. `per-zone`: none is shared."""
    interface_endpoints: tuple[str, ...] = ()
    """AWS services reached without leaving the VPC. By price they pay only above some 5 TB a month, so they are a
    matter of security: what production's credentials, keys, images and logs need does not hang on the internet."""
    flow_logs: Literal["REJECT", "ALL"] = "REJECT"
    """What flow logs record: refused traffic finds mistakes; all traffic also serves an investigation, and costs."""

    @field_validator("cidr", "recovery_cidr")
    @classmethod
    def _is_a_vpc(cls, value: IPv4Network) -> IPv4Network:
        if value.prefixlen != 16 or not value.is_private:
            raise ValueError(f"{value} is not a private /16, from which the subnets are cut")
        return value

    @field_validator("zones")
    @classmethod
    def _zones_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value) or not 2 <= len(value) <= 3:
            raise ValueError("two or three different zones are needed")
        return value

    @field_validator("service_cidr")
    @classmethod
    def _ranges_are_apart(cls, value: IPv4Network, info: ValidationInfo) -> IPv4Network:
        known: dict[str, IPv4Network] = {
            name: info.data[name] for name in ("cidr", "recovery_cidr") if name in info.data
        }
        known["service_cidr"] = value
        for (one, left), (other, right) in combinations(known.items(), 2):
            if left.overlaps(right):
                raise ValueError(f"{one} {left} overlaps {other} {right}")
        return value

    def subnet(self, tier: Literal["public", "private", "isolated"], index: int) -> IPv4Network:
        """Return the range of a tier's subnet in the zone of that index: private /19, public and isolated /24."""
        if tier == "private":
            return list(self.cidr.subnets(new_prefix=19))[index]
        first = 192 if tier == "public" else 208
        return list(self.cidr.subnets(new_prefix=24))[first + index]


class SystemNodes(Part):
    """The managed node group that runs what must run before anything else can: DNS, Karpenter, the GitOps engine."""

    instance_type: InstanceType
    """Burstable where load is light, else a full core each."""
    minimum: Annotated[int, Field(ge=0)]
    """Nodes at least; two, so that one can be drained."""
    desired: Annotated[int, Field(ge=0)]
    """Nodes at first."""
    maximum: Annotated[int, Field(ge=1)]
    """Nodes at most, while an upgrade replaces them."""

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if not self.minimum <= self.desired <= self.maximum:
            raise ValueError(f"minimum {self.minimum} ≤ desired {self.desired} ≤ maximum {self.maximum} does not hold")
        return self


class Pool(Part):
    """A pool of nodes that Karpenter adds and removes with the load."""

    capacity: Literal["on-demand", "spot"]
    """Spot costs a third to a half and may go with two minutes' notice: for work that a queue gives out again."""
    instance_types: Annotated[tuple[InstanceType, ...], Field(min_length=1)]
    """What it may choose from; several, because Spot capacity of one type runs out."""
    expected_nodes: Annotated[float, Field(ge=0)]
    """Nodes in an average hour, for the forecast of cost."""
    limit_vcpu: Annotated[int, Field(gt=0)]
    """No more than this at once, whatever the pods ask for: a runaway's cost has an end."""


class Compute(Part):
    """The cluster."""

    mode: Literal["karpenter", "auto"] = "karpenter"
    """`auto` is EKS Auto Mode: AWS runs Karpenter, load balancing and storage, for a fee on every node."""
    kubernetes_version: str = "1.35"
    """Minor version; environments may differ while an upgrade is promoted."""
    system: SystemNodes
    web: Pool
    """Nodes of the web tier: on demand, since a request in flight is lost with its node."""
    workers: Pool
    """Nodes of the queue's workers."""
    deletion_protection: bool = False
    """Whether EKS refuses to delete the cluster; the others have to stay easy to rebuild."""
    admin_principals: tuple[str, ...] = ()
    """Roles of people who may read the cluster; nobody is an administrator by standing permission but break-glass."""

    @field_validator("kubernetes_version")
    @classmethod
    def _is_offered(cls, value: str, info: ValidationInfo) -> str:
        if value not in catalogue.KUBERNETES:
            raise ValueError(f"unknown Kubernetes version {value!r}; known: {', '.join(catalogue.KUBERNETES)}")
        end = catalogue.KUBERNETES[value]
        today = (info.context or {}).get("today")
        if today is not None and today > end:
            raise ValueError(f"Kubernetes {value} left standard support on {end}")
        return value


class Database(Part):
    """PostgreSQL."""

    engine: Literal["aurora-serverless", "aurora-provisioned", "rds"]
    """`aurora-serverless` follows the load and can pause; `aurora-provisioned` costs less from about 2.3 ACU on
    average; `rds` is PostgreSQL on one or two machines, cheapest, with minutes of fail-over."""
    version: str = "17.5"
    """Version of PostgreSQL."""
    instance_type: DatabaseType | None = None
    """Size of each instance; not with `aurora-serverless`."""
    readers: Annotated[int, Field(ge=0, le=15)] = 0
    """Instances beside the writer, in other zones: one takes over in under a minute. For `rds`, 1 is Multi-AZ."""
    min_acu: Annotated[float, Field(ge=0, le=256)] = 0.5
    """Least capacity in ACU; 0 pauses after ten idle minutes, and the next request waits some 15 s."""
    max_acu: Annotated[float, Field(ge=1, le=256)] = 4
    """Most capacity in ACU: the end of what a runaway query can cost."""
    expected_acu: Annotated[float, Field(ge=0)] = 0
    """ACU in an average hour, for the forecast of cost."""
    storage_gb: Annotated[int, Field(ge=1)] = 20
    """Expected size; Aurora grows by itself, `rds` is created with it (20 at least)."""
    backup_days: Annotated[int, Field(ge=0, le=35)] = 7
    """How far back a point-in-time restore reaches; 0 is no backup."""
    deletion_protection: bool = False
    """Whether AWS refuses to delete it."""
    export_logs: bool = False
    """Whether PostgreSQL's log goes to CloudWatch: needed to answer who did what, paid by volume."""
    global_secondary: bool = False
    """Whether storage is replicated to the recovery Region, without an instance there until it is needed."""

    @field_validator("max_acu")
    @classmethod
    def _acu_in_order(cls, value: float, info: ValidationInfo) -> float:
        if info.data.get("min_acu", 0) > value:
            raise ValueError(f"max_acu {value:g} is below min_acu {info.data['min_acu']:g}")
        return value

    @model_validator(mode="after")
    def _fits_the_engine(self) -> Self:
        if (self.engine == "aurora-serverless") == (self.instance_type is not None):
            raise ValueError(f"instance_type goes with provisioned engines, and each of them needs one: {self.engine}")
        if self.engine == "rds" and (self.readers > 1 or self.global_secondary):
            raise ValueError("rds has at most one standby and no global secondary")
        return self


class Cache(Part):
    """ElastiCache for Valkey."""

    node_type: CacheType
    """Size of each node."""
    replicas: Annotated[int, Field(ge=0, le=5)] = 0
    """Nodes that take over; the cache can be filled again, so that only production pays for one."""
    snapshot_days: Days = 0
    """How long daily snapshots are kept; 0 takes none."""


class Retention(Part):
    """How long logs are kept, by what they hold: long enough to investigate, and no longer than their purpose."""

    operational: Days = 30
    audit: Days = 365
    personal: Days = 30

    @field_validator("*")
    @classmethod
    def _is_offered(cls, value: int) -> int:
        if value not in (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827):
            raise ValueError(f"CloudWatch keeps no log for exactly {value} days")
        return value


class Edge(Part):
    """What faces the internet."""

    domain: str
    """The environment's own zone, delegated from the organisation's."""
    firewall: bool = False
    """Web ACLs before CloudFront and the load balancer. Development is reached by its makers only, through a token."""
    rate_limit: Annotated[int, Field(ge=100)] = 2000
    """Requests of one address in five minutes, beyond which it is refused."""
    price_class: Literal["PriceClass_100", "PriceClass_All"] = "PriceClass_100"
    """From which points of presence CloudFront serves."""
    issuer: str = "https://id.automatrix.example/"
    """Who signs the tokens that the API accepts, by RS256, with keys at `.well-known/jwks.json` that the internet can
    read: at most ten of them, which the load balancer fetches."""


class Observability(Part):
    """What is recorded, and who is told."""

    retention: Retention = Retention()
    pager: bool = False
    """Whether alarms reach the pager; nobody is woken for development or staging."""
    container_insights: bool = True
    """Metrics per pod through OpenTelemetry; the collector runs anyway, its metrics are paid by number."""
    objective_percent: Annotated[float, Field(gt=90, lt=100)] = 99.0
    """Share of requests that shall be answered well and in time; burn rates are measured against it."""
    datadog: bool = False
    """Also send metrics and traces to Datadog; its key comes from Secrets Manager."""
    new_relic: bool = False
    """Also send them to New Relic."""
    sentry: bool = True
    """Report exceptions to Sentry: the DSN comes from Secrets Manager."""
    grafana: bool = False
    """Amazon Managed Prometheus and Grafana beside CloudWatch."""


class Detection(Part):
    """Who watches the account. The trail is always on: its first copy is free."""

    configuration_history: bool = False
    """AWS Config: evidence for an audit; where nodes come and go all day it costs much and says little."""
    threats: bool = False
    """GuardDuty with the cluster's audit log, run-time and database plans."""
    posture: bool = False
    """Security Hub with the foundational standard."""
    vulnerabilities: bool = False
    """Inspector scans images again when new vulnerabilities are published; elsewhere scan on push has to do."""


class Recovery(Part):
    """What is left when all else is gone."""

    backup: bool = False
    """AWS Backup of the database and of uploads, beside the database's own backups. Nodes keep nothing, and what runs
    in the cluster is in Git."""
    backup_days: Annotated[int, Field(ge=1)] = 35
    """How long a backup is kept."""
    vault_lock: bool = False
    """Nobody, the account's owner included, deletes a backup before its time. It prevents rebuilding an account."""
    copy_to_recovery_region: bool = False
    """A second copy, in the recovery Region."""
    copy_to_account: str = ""
    """Account of the isolated vault that holds a third copy; empty for none."""
    isolated_days: Annotated[int, Field(ge=7, le=365)] = 14
    """How long that copy is kept: it answers a lost account, which is noticed within days, and is paid by size."""
    restore_testing: bool = False
    """Every week AWS restores a backup and says whether it worked."""
    pilot_light: bool = False
    """The stores' network, a key and images stand in the recovery Region, so that the cluster can be made there at
    once."""


class Finance(Part):
    """What it may cost, and who is told."""

    monthly_budget: dict[Tier, int]
    """US dollars a month by tier; about 1.5 times what is expected, so that the alarm at 80 % means a fifth too much,
    not an ordinary month. The environment's budget is the sum."""
    anomaly_threshold: Annotated[int, Field(ge=1)] = 20
    """Unexpected US dollars a day from which an anomaly is reported."""
    anomaly_monitor: Annotated[str, Field(pattern=r"^(arn:aws:ce::\d{12}:anomalymonitor/\S+)?$")] = ""
    """The monitor of services that the account has already, by its ARN: AWS makes one when Cost Explorer is first
    opened, and refuses a second. Empty makes it."""
    hours_per_week: Annotated[int, Field(ge=1, le=168)] = 168
    """How long node pools run; below 168, schedules stop them out of hours."""
