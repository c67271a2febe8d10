"""Whether the stores can be made, and stay what they are."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.reports.sound.model import Fault, Faults
from cluster.reports.sound.order import before

FOLLOWS = "replicationSourceIdentifier"


def users(facts: Facts) -> Faults:
    """Valkey takes no user without a password, even one that is off."""
    for one in facts.of("elasticache/user:User"):
        open_door = one.get("noPasswordRequired") or one.get("authenticationMode.type") == "no-password-required"
        if one.get("engine") == "valkey" and open_door:
            yield Fault(one.key, "is refused: Valkey takes no user without a password")


def followers(facts: Facts) -> Faults:
    """A database that follows another in a global one has somebody to follow, and is not told whom."""
    instances = facts.of("rds/clusterInstance:ClusterInstance")
    for one in facts.of("rds/cluster:Cluster"):
        whole = facts.graph.target(one.get("globalClusterIdentifier"))
        if whole is None or one.get("masterUsername"):
            continue
        made = before(facts, one)
        first = [
            each for each in facts.attached(whole, "rds/cluster:Cluster", "globalClusterIdentifier")
            if each.get("masterUsername")
        ]  # fmt: skip
        for leader in first:
            writers = {each.key for each in instances if facts.graph.target(each.get("clusterIdentifier")) == leader}
            if not writers & made:
                yield Fault(one.key, f"is refused: it does not wait for an instance of {leader.key} to follow")
        if one.get("storageEncrypted") and not one.get("sourceRegion"):
            yield Fault(one.key, "is refused: encrypted, it has to say from which Region it is sent")
        if FOLLOWS not in one.ignored:
            yield Fault(one.key, f"follows nobody after the next update, which takes {FOLLOWS} away")


CHECKS = (users, followers)
