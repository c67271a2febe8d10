"""What AWS offers, as far as an environment may choose from it: sizes, and until when versions are supported.

A size that is not here is refused before anything is planned, because neither its price nor its capacity is known.
Dates are those of the Kubernetes release calendar of EKS (standard support ends) and are compared with a date that the
caller gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Size:
    """What one instance of a type has."""

    vcpu: int
    memory_gib: float


INSTANCES: dict[str, Size] = {
    "t4g.medium": Size(2, 4),
    "t4g.large": Size(2, 8),
    "m7g.large": Size(2, 8),
    "m7g.xlarge": Size(4, 16),
    "m8g.large": Size(2, 8),
    "m9g.large": Size(2, 8),
    "c7g.large": Size(2, 4),
    "r7g.large": Size(2, 16),
}
"""EC2 types, all arm64: the images of the platform are built for it, and it costs a fifth less."""

DATABASES: dict[str, Size] = {
    "db.t4g.micro": Size(2, 1),
    "db.t4g.small": Size(2, 2),
    "db.t4g.medium": Size(2, 4),
    "db.t4g.large": Size(2, 8),
    "db.r7g.large": Size(2, 16),
    "db.r8g.large": Size(2, 16),
}
CACHES: dict[str, Size] = {
    "cache.t4g.micro": Size(2, 0.5),
    "cache.t4g.small": Size(2, 1.37),
    "cache.t4g.medium": Size(2, 3.09),
    "cache.m7g.large": Size(2, 6.38),
    "cache.r7g.large": Size(2, 13.07),
}
ACU_GIB = 2.0
"""Memory of one Aurora capacity unit."""

KUBERNETES: dict[str, date] = {
    "1.33": date(2026, 7, 29),
    "1.34": date(2026, 12, 2),
    "1.35": date(2027, 3, 27),
}
"""Minor versions of EKS, and the day on which standard support ends: afterwards the control plane costs six times."""

ADDONS_ACCOUNT = "602401143452"
"""The account from which EKS serves the images of its add-ons."""

GLOBAL_REGION = "us-east-1"
"""Where CloudFront takes certificates, web ACLs and log groups from, and has its metrics, wherever the rest is."""

DATABASE_PORT = 5433
CACHE_PORT = 6379
GATEWAY_PORT = 8000
"""Where the gateway's pods listen for the load balancer."""

EDGE_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""What the load balancer speaks: TLS 1.2 and 1.3, recommended by AWS."""
