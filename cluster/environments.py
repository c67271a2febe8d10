"""The environments dev, staging and prod.

In:  what an infrastructure owner edits: accounts, domain, repository and address ranges first.
Out: frozen, checked values. Two environments differ exactly where a field differs; `specification.py` says what each
     field is for. An impossible value is refused when this module is imported, with the field's name.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from cluster.specification import (
    Cache,
    Compute,
    Database,
    Detection,
    Edge,
    Environment,
    Finance,
    Name,
    Network,
    Observability,
    Pool,
    Recovery,
    Retention,
    SystemNodes,
)

ENDPOINTS = ("ecr.api", "ecr.dkr", "sts", "kms", "secretsmanager", "logs", "ssm", "sqs")

DEV = Environment(
    name="dev",
    account_id="111111111111",
    network=Network(
        cidr=IPv4Network("10.10.0.0/16"),
        recovery_cidr=IPv4Network("10.110.0.0/16"),
        service_cidr=IPv4Network("172.20.0.0/16"),
    ),
    compute=Compute(
        system=SystemNodes(instance_type="t4g.medium", minimum=2, desired=2, maximum=3),
        web=Pool(capacity="spot", instance_types=("t4g.large", "m7g.large"), expected_nodes=0.5, limit_vcpu=8),
        workers=Pool(capacity="spot", instance_types=("t4g.large", "m7g.large"), expected_nodes=0.5, limit_vcpu=8),
    ),
    database=Database(engine="aurora-serverless", min_acu=0, max_acu=2, expected_acu=0.3, storage_gb=10, backup_days=1),
    cache=Cache(node_type="cache.t4g.micro"),
    edge=Edge(domain="dev.automatrix.example"),
    observability=Observability(retention=Retention(operational=7, audit=90, personal=7)),
    finance=Finance(
        monthly_budget={"edge": 110, "compute": 160, "data": 60, "observability": 20, "security": 10}, hours_per_week=50
    ),
)

STAGING = Environment(
    name="staging",
    account_id="222222222222",
    network=Network(
        cidr=IPv4Network("10.20.0.0/16"),
        recovery_cidr=IPv4Network("10.120.0.0/16"),
        service_cidr=IPv4Network("172.20.0.0/16"),
    ),
    compute=Compute(
        system=SystemNodes(instance_type="t4g.large", minimum=2, desired=2, maximum=3),
        web=Pool(capacity="on-demand", instance_types=("m7g.large",), expected_nodes=1, limit_vcpu=16),
        workers=Pool(
            capacity="spot", instance_types=("m7g.large", "c7g.large", "r7g.large"), expected_nodes=1, limit_vcpu=16
        ),
    ),
    database=Database(
        engine="aurora-serverless",
        min_acu=0.5,
        max_acu=4,
        expected_acu=0.7,
        storage_gb=20,
        backup_days=7,
        readers=0,
        export_logs=True,
    ),
    cache=Cache(node_type="cache.t4g.small", snapshot_days=1),
    edge=Edge(domain="staging.automatrix.example", firewall=True),
    observability=Observability(retention=Retention(operational=30, audit=180, personal=14)),
    recovery=Recovery(backup=True, backup_days=14),
    finance=Finance(monthly_budget={"edge": 140, "compute": 420, "data": 140, "observability": 40, "security": 10}),
)

PROD = Environment(
    name="prod",
    account_id="333333333333",
    network=Network(
        cidr=IPv4Network("10.30.0.0/16"),
        recovery_cidr=IPv4Network("10.130.0.0/16"),
        service_cidr=IPv4Network("172.20.0.0/16"),
        nat="per-zone",
        interface_endpoints=ENDPOINTS,
        flow_logs="ALL",
    ),
    compute=Compute(
        system=SystemNodes(instance_type="m7g.large", minimum=2, desired=2, maximum=4),
        web=Pool(capacity="on-demand", instance_types=("m7g.large", "m8g.large"), expected_nodes=4, limit_vcpu=40),
        workers=Pool(
            capacity="spot",
            instance_types=("m7g.large", "m7g.xlarge", "c7g.large", "r7g.large"),
            expected_nodes=4,
            limit_vcpu=64,
        ),
        deletion_protection=True,
    ),
    database=Database(
        engine="aurora-provisioned",
        instance_type="db.r7g.large",
        readers=1,
        storage_gb=100,
        backup_days=14,
        deletion_protection=True,
        export_logs=True,
        global_secondary=True,
    ),
    cache=Cache(node_type="cache.t4g.medium", replicas=1, snapshot_days=7),
    edge=Edge(domain="automatrix.example", firewall=True),
    observability=Observability(
        retention=Retention(operational=90, audit=365, personal=30), pager=True, objective_percent=99.9
    ),
    detection=Detection(configuration_history=True, threats=True, posture=True, vulnerabilities=True),
    recovery=Recovery(
        backup=True,
        vault_lock=True,
        copy_to_recovery_region=True,
        copy_to_account="444444444444",
        restore_testing=True,
        pilot_light=True,
    ),
    finance=Finance(
        monthly_budget={"edge": 720, "compute": 870, "data": 1100, "observability": 70, "security": 210},
        anomaly_threshold=100,
    ),
)

ENVIRONMENTS: dict[Name, Environment] = {"dev": DEV, "staging": STAGING, "prod": PROD}


def load(name: str) -> Environment:
    """Return the environment of that name; KeyError says which there are."""
    for known, environment in ENVIRONMENTS.items():
        if known == name:
            return environment
    raise KeyError(f"no environment {name!r}; there are {', '.join(ENVIRONMENTS)}")
