"""How each failure is practised: commands, and what is to be seen.

In:  what the graph has. Out: a drill per scenario. All but the first two need an account; none has been run there.
"""

from __future__ import annotations

from cluster.reports.recovery.estate import Estate
from cluster.reports.recovery.model import Drill


def drills(estate: Estate) -> dict[str, Drill]:
    """Return the drill of each scenario."""
    environment, database = estate.graph.environment, estate.database
    serverful = database is not None and database.type == "aws:rds/instance:Instance"
    name = str(database.get("identifier" if serverful else "clusterIdentifier")) if database else "(no database)"
    namespace = f"hub-{environment}"
    return {
        "pod": Drill(
            (f"kubectl -n {namespace} delete pod --grace-period=0 --force <pod>",),
            "no failed request beyond those the pod had; the queue empties again",
            needs_account=False,
        ),
        "node": Drill(
            (f"kubectl drain --ignore-daemonsets --delete-emptydir-data <node> # all services of {namespace} stay up",),
            "pods move, the service's alarm stays silent, Karpenter adds a node",
        ),
        "zone": Drill((_cordon(estate), _fail_over(name, serverful)), "requests go on, writes within the RTO"),
        "bad write": Drill(_back(name, serverful), "a row deleted before the drill is in the restored database"),
        "region": Drill(_leave(estate, environment), "the hub answers from the recovery Region within the RTO"),
        "account": Drill(
            (
                "aws backup list-recovery-points-by-backup-vault --backup-vault-name automatrix-isolated",
                (
                    "aws backup get-recovery-point-restore-metadata --backup-vault-name automatrix-isolated "
                    "--recovery-point-arn <copy>"
                ),
                "aws backup start-restore-job --recovery-point-arn <copy> --iam-role-arn <role> --metadata <metadata>",
            )
            if estate.isolated is not None
            else ("# nothing: there is no copy in another account",),
            "in the isolated account the database is restored and its newest row is no older than the RPO",
        ),
    }


def _cordon(estate: Estate) -> str:
    zones = sorted(
        str(one.get("availabilityZone"))
        for one in estate.graph.of_type("aws:ec2/subnet:Subnet")
        if "private" in one.name
    )
    return f"kubectl cordon -l topology.kubernetes.io/zone={zones[0] if zones else '<zone>'}"


def _fail_over(name: str, serverful: bool) -> str:
    if serverful:
        return f"aws rds reboot-db-instance --db-instance-identifier {name} --force-failover"
    return f"aws rds failover-db-cluster --db-cluster-identifier {name}"


def _back(name: str, serverful: bool) -> tuple[str, ...]:
    if serverful:
        return (
            (
                f"aws rds restore-db-instance-to-point-in-time --source-db-instance-identifier {name} "
                f"--target-db-instance-identifier {name}-drill --restore-time <time>"
            ),
        )
    return (
        (
            f"aws rds restore-db-cluster-to-point-in-time --source-db-cluster-identifier {name} "
            f"--db-cluster-identifier {name}-drill --restore-to-time <time>"
        ),
        f"aws rds delete-db-cluster --db-cluster-identifier {name}-drill --skip-final-snapshot # afterwards",
    )


def _leave(estate: Estate, environment: str) -> tuple[str, ...]:
    if estate.secondary is None or estate.database is None:
        return (f"pulumi up --stack {environment} # in the recovery Region, from the copies there, if there are any",)
    whole = next(iter(estate.graph.of_type("aws:rds/globalCluster:GlobalCluster")))
    region = estate.graph.region(estate.secondary)
    return (
        (
            f"aws rds switchover-global-cluster --global-cluster-identifier {whole.get('globalClusterIdentifier')} "
            f"--target-db-cluster-identifier <ARN of {estate.secondary.get('clusterIdentifier')}> --region {region}"
        ),
        f"pulumi up --stack {environment} # with region set to {region}",
    )
