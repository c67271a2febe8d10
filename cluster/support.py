"""Until when what the program uses is supported, and what its end costs.

In:  nothing. Out: `SUPPORT` by product and version, each date with its source. A product that has published no end says
     so with a reason; one that is not here at all is reported as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cluster.catalogue import KUBERNETES


@dataclass(frozen=True, slots=True)
class Support:
    """One version of a product."""

    ends: date | None
    """Last day of standard support; None: no end has been published."""
    then: str
    """What happens afterwards."""
    source: str
    price: str = ""
    """Key of the price that replaces `instead` from then on; empty where nothing is charged or no price is known."""
    instead: str = ""


EKS_GUIDE = "EKS release calendar of Kubernetes versions, state of 2026-08"
RDS_CALENDAR = "RDS for PostgreSQL release calendar, state of 2025-02; Aurora keeps a version as long as the community"
CACHE_GUIDE = "ElastiCache engine versions, state of 2026-04: no end announced for Valkey"

SUPPORT: dict[tuple[str, str], Support] = {
    **{
        ("kubernetes", version): Support(
            ends, "extended support for a year at six times the price, then AWS upgrades", EKS_GUIDE,
            "eks.extended_support", "eks.cluster",
        )
        for version, ends in KUBERNETES.items()
    },
    ("postgresql", "15"): Support(date(2028, 2, 29), "RDS Extended Support, paid by vCPU", RDS_CALENDAR),
    ("postgresql", "16"): Support(date(2029, 2, 28), "RDS Extended Support, paid by vCPU", RDS_CALENDAR),
    ("postgresql", "17"): Support(date(2030, 2, 28), "RDS Extended Support, paid by vCPU", RDS_CALENDAR),
    ("valkey", "7"): Support(None, "upgrades by hand, with a minute of fail-over", CACHE_GUIDE),
    ("valkey", "8"): Support(None, "upgrades by hand, with a minute of fail-over", CACHE_GUIDE),
}  # fmt: skip
