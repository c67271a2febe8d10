"""How much each environment is used in a month: what a forecast of cost needs and no program can say.

In:  an environment; where its specification has a forecast (ACU, size of the database), that is the expected value.
Out: `Usage`: each figure as low, expected and high, with its reason. None is measured yet: they are replaced by what
     the bill and CloudWatch show once an environment has run for a month.

The reasons are part of the value, so that a forecast can show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cluster.specification import Database, Environment
from cluster.usage.figures import BUCKETS, FIGURES, LOGS, QUEUES
from cluster.usage.quantities import NOTHING, ONE, Quantity, Range

__all__ = ["NOTHING", "ONE", "BucketUsage", "Quantity", "Range", "Usage", "profile"]

UNKNOWN = Quantity(NOTHING, "nothing is assumed")


@dataclass(frozen=True, slots=True)
class BucketUsage:
    """A bucket: what is in it, and thousands of requests."""

    gb: Quantity
    puts_k: Quantity
    gets_k: Quantity


@dataclass(frozen=True)
class Usage:
    """A month of one environment; quantities are per month unless their name says otherwise."""

    environment: str
    node_factor: Quantity
    """Nodes of Karpenter's pools, as a multiple of the specification's `expected_nodes`."""
    balancer_lcu: Quantity
    """Load balancer capacity units in an average hour."""
    requests_million: Quantity
    """Requests that reach CloudFront."""
    api_million: Quantity
    """Those of them that reach the load balancer."""
    cdn_gb: Quantity
    """What CloudFront sends."""
    dns_million: Quantity
    nat_gb: Quantity
    """What passes the NAT gateways, both ways."""
    internet_out_gb: Quantity
    """What leaves for the internet beside CloudFront."""
    endpoint_gb: Quantity
    """What passes the interface endpoints, all together."""
    cross_zone_gb: Quantity
    """What passes between zones."""
    acu: Quantity
    """Aurora capacity units in an average hour, all instances of a serverless cluster together."""
    database_gb: Quantity
    database_change_gb_per_day: Quantity
    """What is written anew in a day: it fills backups and is what replicas are sent."""
    database_io_million: Quantity
    cache_gb: Quantity
    """Size of one snapshot of the cache."""
    images_gb: Quantity
    """Images kept in one repository."""
    image_push_gb: Quantity
    """Images pushed to one repository."""
    metrics: Quantity
    """Custom metrics, as time series."""
    logs_query_gb: Quantity
    secret_calls_10k: Quantity
    """Calls for one secret."""
    key_requests_10k: Quantity
    """Requests to one key."""
    notifications_10k: Quantity
    config_items: Quantity
    posture_checks: Quantity
    trail_million: Quantity
    """Management events."""
    flow_gb: Quantity
    """Flow and DNS logs that GuardDuty reads by itself."""
    logs_gb: Mapping[str, Quantity]
    """What each log group takes in, by its name in the program."""
    queue_million: Mapping[str, Quantity]
    """Requests to each queue."""
    buckets: Mapping[str, BucketUsage]

    def having(self, **quantities: Quantity) -> Usage:
        """Return the same profile with other figures."""
        return replace(self, **quantities)  # type: ignore[arg-type]

    def log_group(self, name: str) -> Quantity:
        """Return what a log group takes in; one that nobody has assumed anything of takes in nothing."""
        return self.logs_gb.get(name, UNKNOWN)

    def queue(self, name: str) -> Quantity:
        """Return the requests to a queue."""
        return self.queue_million.get(name, UNKNOWN)

    def bucket(self, name: str) -> BucketUsage:
        """Return what is in a bucket."""
        return self.buckets.get(name, BucketUsage(UNKNOWN, UNKNOWN, UNKNOWN))


def profile(environment: Environment) -> Usage:
    """Return the usage of an environment in a month."""
    name = environment.name
    figures = {field: figure.at(name) for field, figure in FIGURES.items()}
    return Usage(
        environment=name,
        **figures,
        acu=_acu(environment.database),
        database_gb=Quantity(
            _around(environment.database.storage_gb), "the specification's storage_gb, halved and doubled"
        ),
        logs_gb={group: figure.at(name) for group, figure in LOGS.items()},
        queue_million={queue: figure.at(name) for queue, figure in QUEUES.items()},
        buckets={bucket: BucketUsage(*(figure.at(name) for figure in figures)) for bucket, figures in BUCKETS.items()},
    )


def _around(value: float) -> Range:
    return Range(value / 2, value, value * 2)


def _acu(spec: Database) -> Quantity:
    """Return half to twice of what is expected, as far as the limits let it."""
    expected = min(max(spec.expected_acu, spec.min_acu), spec.max_acu)
    low, high = max(spec.min_acu, expected / 2), min(spec.max_acu, expected * 2)
    why = "the specification's expected_acu, halved and doubled within min_acu and max_acu"
    return Quantity(Range(min(low, expected), expected, max(high, expected)), why)
