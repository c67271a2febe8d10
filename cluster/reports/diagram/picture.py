"""What is shown of a graph.

In:  a graph.
Out: a `Picture` from left to right: who is outside, the account with edge, network and services, and what is in other
     Regions and accounts. An arrow is drawn where both of its ends are.
"""

from __future__ import annotations

from cluster.graph.model import Graph
from cluster.reports.diagram.elsewhere import before, behind, elsewhere
from cluster.reports.diagram.model import Arrow, Box, Picture
from cluster.reports.diagram.network import network
from cluster.reports.diagram.services import edge, services

ARROWS = (
    Arrow("users", "cdn", "HTTPS"),
    Arrow("cdn", "assets", "files"),
    Arrow("cdn", "balancer", "API"),
    Arrow("balancer", "cluster", "HTTP to pods"),
    Arrow("cluster", "database-0", "PostgreSQL, IAM"),
    Arrow("cluster", "queue", "jobs"),
    Arrow("github", "identity", "OIDC"),
    Arrow("alarms", "pager", "alarms"),
    Arrow("database-0", "secondary", "replicates", dashed=True),
    Arrow("backup", "copies", "copies", dashed=True),
    Arrow("copies", "isolated-vault", "", dashed=True),
)


def picture(graph: Graph) -> Picture:
    """Return the picture of an environment."""
    here = _account(graph)
    told = tuple(behind(graph))
    aside = (*([Box("behind", "Other services", kind="outside", children=told)] if told else []), *elsewhere(graph))
    columns = (
        Box("outside", "Outside", kind="outside", children=tuple(before(graph))),
        here,
        *([Box("elsewhere", "", kind="group", children=aside)] if aside else []),
    )
    root = Box("root", "", kind="group", children=columns, natural=True)
    there = {box.id for box in root.all()}
    arrows = tuple(one for one in ARROWS if {one.source, one.target} <= there)
    return Picture(f"AutoMatrix AI Hub: {graph.environment}", root, arrows)


def _account(graph: Graph) -> Box:
    providers = graph.of_type("pulumi:providers:aws")
    accounts = sorted({str(one) for provider in providers for one in provider.document("allowedAccountIds") or ()})
    region = next((str(one.get("region")) for one in providers), "")
    inside = Box(
        "columns", "", kind="group", natural=True,
        children=(edge(graph), network(graph), services(graph)),
    )  # fmt: skip
    place = Box("region", f"Region {region}", kind="region", children=(inside,))
    keys = tuple(one.key for one in providers)
    return Box(
        "account", f"Account {graph.environment} {', '.join(accounts)}", kind="account", keys=keys, children=(place,)
    )
