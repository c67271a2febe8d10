"""The view of expiry: what ends when, and what its end costs.

In:  a graph, a day, prices and waivers. The day is an input, so that no document changes by itself.
Out: one `End` for each version, engine, certificate, waiver and set of prices, the nearest first.

A certificate that ACM renews has no day here: nobody knows when it will be issued. What must stay for the renewal is
told instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal

from cluster.controls import WAIVERS, Waiver
from cluster.graph.model import Graph, Resource
from cluster.prices import Prices, load
from cluster.reports.table import Table, markdown_table, text_table
from cluster.support import SUPPORT, Support

WARN_DAYS = 60
"""Time to promote an upgrade through all environments; the control of Kubernetes warns as early."""
PRICES_DAYS = 90
"""AWS changes prices a few times a year: older ones are looked up again."""
PLACE = "docs/architecture/expiry.md"
INTRODUCTION = """\
What ends when, as of {day}, and what its end costs. The day is an input: this page changes only when what it says has
changed. It is written by `.venv/bin/python -m cluster.reports`, and a test fails when it differs.
As of another day: `.venv/bin/amx plan prod --view expiry --today {day}`."""
State = Literal["over", "soon", "later", "open"]


@dataclass(frozen=True, slots=True)
class End:
    """Something that does not last."""

    what: str
    resource: str
    """Key in the graph; empty for what is in none."""
    on: date | None
    """Last good day; None: none is published, or it renews itself."""
    then: str
    """What happens afterwards."""
    monthly: float | None
    """US dollars a month more afterwards; None: no price is known, or it is not paid in money."""
    source: str
    today: date

    @property
    def days(self) -> int | None:
        """Days that are left; negative when it is over."""
        return (self.on - self.today).days if self.on else None

    @property
    def state(self) -> State:
        """How near it is."""
        if self.days is None:
            return "open"
        return "over" if self.days < 0 else "soon" if self.days <= WARN_DAYS else "later"


def expiry(
    graph: Graph, today: date, prices: Prices | None = None, waivers: Sequence[Waiver] = WAIVERS
) -> tuple[End, ...]:
    """Return everything that ends, the nearest first; what has no day last."""
    prices = prices or load()
    found = (
        *_versions(graph, today, prices),
        *_certificates(graph, today),
        *_waivers(graph, today, waivers),
        _prices(prices, today),
    )
    return tuple(sorted(found, key=lambda one: (one.on or date.max, one.what, one.resource)))


def _versions(graph: Graph, today: date, prices: Prices) -> Iterator[End]:
    kinds = (
        ("aws:eks/cluster:Cluster", "kubernetes", "version", "Kubernetes"),
        ("aws:rds/cluster:Cluster", "postgresql", "engineVersion", "Aurora PostgreSQL"),
        ("aws:rds/instance:Instance", "postgresql", "engineVersion", "RDS for PostgreSQL"),
        ("aws:elasticache/replicationGroup:ReplicationGroup", "valkey", "engineVersion", "ElastiCache for Valkey"),
    )
    for token, product, path, name in kinds:
        for one in graph.of_type(token):
            version = str(one.get(path, ""))
            line = version if product == "kubernetes" else version.partition(".")[0]
            known = SUPPORT.get((product, line))
            yield _version(f"{name} {version}", one, known, today, prices)


def _version(what: str, one: Resource, known: Support | None, today: date, prices: Prices) -> End:
    if known is None:
        return End(what, one.key, None, "unknown: cluster/support.py does not have it", None, "", today)
    monthly = None
    if known.price:
        monthly = (prices.value(known.price) - prices.value(known.instead)) * prices.hours_per_month
    if monthly is not None and one.get("upgradePolicy.supportType") == "STANDARD":
        then = f"AWS upgrades it by itself, tested or not; to stay (support EXTENDED) costs {monthly:,.2f} a month more"
        return End(what, one.key, known.ends, then, None, known.source, today)
    return End(what, one.key, known.ends, known.then, monthly, known.source, today)


def _certificates(graph: Graph, today: date) -> Iterator[End]:
    for one in graph.of_type("aws:acm/certificate:Certificate"):
        proofs = [edge.source for edge in graph.users(one.key) if edge.source.startswith("route53.Record/")]
        name = f"certificate of {one.get('domainName')}"
        if one.get("validationMethod") == "DNS" and proofs:
            then = f"renewed by ACM while {', '.join(sorted(set(proofs)))} is there; without it, the site is down"
            yield End(name, one.key, None, then, None, "ACM guide, managed renewal", today)
        else:
            then = "somebody has to answer a mail or import another; without it, the site is down"
            yield End(name, one.key, None, then, None, "ACM guide, managed renewal", today)


def _waivers(graph: Graph, today: date, waivers: Iterable[Waiver]) -> Iterator[End]:
    for one in waivers:
        if graph.environment in one.environments:
            then = f"control {one.control} fails; {one.owner} mends it or decides anew"
            yield End(f"waiver of {one.control}", one.resource, one.expires, then, None, "cluster/controls", today)


def _prices(prices: Prices, today: date) -> End:
    ends = date.fromisoformat(prices.compiled) + timedelta(days=PRICES_DAYS)
    return End(f"prices of {prices.compiled}", "", ends, "the forecast may be wrong", None, "cluster/prices", today)


def as_text(environment: str, found: Sequence[End]) -> str:
    """Return the view for a terminal."""
    return text_table(_table(environment, found)) + "\n"


def as_markdown(environment: str, found: Sequence[End], level: int = 2) -> str:
    """Return the view as Markdown."""
    return markdown_table(_table(environment, found), level) + "\n"


def as_json(found: Sequence[End]) -> list[dict[str, Any]]:
    """Return plain values for JSON."""
    days = [{"on": one.on and one.on.isoformat(), "today": one.today.isoformat()} for one in found]
    return [{**asdict(one), **day, "days": one.days, "state": one.state} for one, day in zip(found, days, strict=True)]


def document(environments: Mapping[str, Sequence[End]]) -> str:
    """Return the page."""
    day = next((one.today.isoformat() for found in environments.values() for one in found), "")
    parts = [
        "# Expiry",
        INTRODUCTION.format(day=day),
        *(as_markdown(name, found).rstrip() for name, found in environments.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _table(environment: str, found: Sequence[End]) -> Table:
    rows = tuple(
        (
            one.what,
            one.resource,
            one.on.isoformat() if one.on else "",
            "" if one.days is None else str(one.days),
            one.state,
            one.then,
            "" if one.monthly is None else f"+{one.monthly:,.2f}",
            one.source,
        )
        for one in found
    )
    heads = ("what", "resource", "ends", "$days left", "state", "then", "$a month", "source")
    return Table(f"{environment}: what ends", heads, rows)
