"""How each failure is practised: commands, and what is to be seen.

In:  what the graph has. Out: a drill per scenario. All but the first two need an account; none has been run there.
"""

from __future__ import annotations

from cluster.reports.recovery.estate import Estate
from cluster.reports.recovery.model import Drill


def drills(estate: Estate) -> dict[str, Drill]:
    """Return the drill of each scenario."""
    environment, database = estate.graph.rules, estate.database
    name = str(database.get("identifier" if _is_rds(estate) else "clusterIdentifier")) if database else "(no database)"
    namespace = f"hub-{environment}"
    return {
        "pod": Drill(
            (f"kubectl -n {namespace} delete pod --grace-period=0 --force <pod>",),
            "no failed request beyond those the pod had; the queue empties again",
            needs_account=False,
        ),
        "node": Drill(
            (
                "aws ec2 terminate-instances --instance-ids <id of a node of pool web> # it has no time to say goodbye",
                f"kubectl -n {namespace} get pods -w",
            ),
            "requests go on, pods start on other nodes, Karpenter adds a node, the jobs come back",
        ),
        "zone": Drill((_cordon(estate), *_fail_over(estate, name)), "requests go on, writes within the RTO"),
        "bad write": Drill(_back(estate, name), "a row deleted before the drill is in the restored database"),
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


def _fail_over(estate: Estate, name: str) -> tuple[str, ...]:
    """Move the writer; where there is one instance alone, to one that is made for it, as on the day."""
    if _is_rds(estate):
        if estate.database is not None and estate.database.get("multiAz"):
            return (f"aws rds reboot-db-instance --db-instance-identifier {name} --force-failover",)
        return _back(estate, name)
    over = f"aws rds failover-db-cluster --db-cluster-identifier {name}"
    if len(estate.instances) > 1:
        return (over,)
    zones = sorted(
        str(one.get("availabilityZone"))
        for one in estate.graph.of_type("aws:ec2/subnet:Subnet")
        if "isolated" in one.name
    )
    used = {one.get("availabilityZone") for one in estate.instances}
    other = next((zone for zone in zones if zone not in used), "<another zone>")
    return (
        f"{_instance(estate, name, f'{name}-drill')} --availability-zone {other}",
        f"aws rds wait db-instance-available --db-instance-identifier {name}-drill",
        f"{over} --target-db-instance-identifier {name}-drill",
        f"aws rds delete-db-instance --db-instance-identifier {name}-drill # afterwards, and after the way back",
    )


def _is_rds(estate: Estate) -> bool:
    return estate.database is not None and estate.database.type == "aws:rds/instance:Instance"


def _instance(estate: Estate, cluster: str, name: str) -> str:
    size = next((str(one.get("instanceClass")) for one in estate.instances), "db.serverless")
    return (
        f"aws rds create-db-instance --db-instance-identifier {name} --db-cluster-identifier {cluster} "
        f"--engine aurora-postgresql --db-instance-class {size}"
    )


def _back(estate: Estate, name: str) -> tuple[str, ...]:
    place = f"--db-subnet-group-name {_subnets(estate)} --vpc-security-group-ids <id of {_group(estate)}>"
    if _is_rds(estate):
        return (
            (
                f"aws rds restore-db-instance-to-point-in-time --source-db-instance-identifier {name} "
                f"--target-db-instance-identifier {name}-drill --restore-time <time> {place}"
            ),
            f"aws rds wait db-instance-available --db-instance-identifier {name}-drill",
            f"aws rds delete-db-instance --db-instance-identifier {name}-drill --skip-final-snapshot # afterwards",
        )
    return (
        (
            f"aws rds restore-db-cluster-to-point-in-time --source-db-cluster-identifier {name} "
            f"--db-cluster-identifier {name}-drill --restore-to-time <time> {place}"
        ),
        _instance(estate, f"{name}-drill", f"{name}-drill-0"),
        f"aws rds wait db-instance-available --db-instance-identifier {name}-drill-0",
        f"aws rds delete-db-instance --db-instance-identifier {name}-drill-0 # afterwards, and then",
        f"aws rds delete-db-cluster --db-cluster-identifier {name}-drill --skip-final-snapshot",
    )


def _subnets(estate: Estate) -> str:
    found = estate.graph.target(estate.database.get("dbSubnetGroupName")) if estate.database else None
    return str(found.get("name")) if found else "<subnet group>"


def _group(estate: Estate) -> str:
    found = estate.graph.targets(estate.database.get("vpcSecurityGroupIds") or []) if estate.database else ()
    return str(found[0].get("name")) if found else "the database's group"


def _leave(estate: Estate, environment: str) -> tuple[str, ...]:
    if estate.secondary is None or estate.database is None:
        return (f"# nothing stands elsewhere: {environment} is made anew when its Region is back",)
    whole = next(iter(estate.graph.of_type("aws:rds/globalCluster:GlobalCluster")))
    region, name = estate.graph.region(estate.secondary), str(estate.secondary.get("clusterIdentifier"))
    stack = f"{environment}-recovered"
    first = _instance(estate, name, f"{name}-first").replace("aws rds", f"aws rds --region {region}")
    return (
        first,
        f"aws rds wait db-instance-available --db-instance-identifier {name}-first --region {region}",
        (
            f"aws rds failover-global-cluster --global-cluster-identifier {whole.get('globalClusterIdentifier')} "
            f"--target-db-cluster-identifier <ARN of {name}> --allow-data-loss --region {region} "
            "# in a drill, with both Regions well: switchover-global-cluster, without --allow-data-loss"
        ),
        f'pulumi login "s3://automatrix-state-<account>-{region}?region={region}&awssdk=v2"',
        f"aws s3 cp s3://automatrix-state-<account>-{region}/.pulumi/stacks/automatrix/{environment}.json .",
        f'pulumi stack init {stack} --secrets-provider "awskms://alias/automatrix-state?region={region}"',
        f"pulumi config set --secret automatrix:pagerEndpoint <URL> --stack {stack}",
        f"openssl rand -hex 32 | pulumi config set --secret automatrix:originKey --stack {stack}",
        f"pulumi preview --stack {stack} --import-file wanted.json",
        f".venv/bin/python -m cluster.standing wanted.json {environment}.json > import.json",
        f"pulumi import --stack {stack} --file import.json --generate-code=false --yes",
        f"pulumi up --stack {stack}",
        f"pulumi stack export --stack {stack} | .venv/bin/python -m cluster.manifests {stack} > objects.yaml",
        "kubectl apply --server-side -f objects.yaml # in the cluster that is new, as at its first installation",
        f"aws s3 sync <folder of the built site> s3://{name.removesuffix('-hub')}-assets-<account> --region {region}",
        # the program's own instances are there now
        f"aws rds failover-db-cluster --db-cluster-identifier {name} --region {region}",
        f"aws rds delete-db-instance --db-instance-identifier {name}-first --region {region}",
    )
