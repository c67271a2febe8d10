"""The cache: Valkey that services enter by IAM, and nobody otherwise.

In:  what the concern of stores has: the network, a key, the cache's security group.
Out: `Cache`: the replication group, and the user that services come as.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cluster.catalogue import CACHE_PORT
from cluster.concern import Concern
from cluster.network import Network


@dataclass(frozen=True)
class Cache:
    """The cache, and as whom services come."""

    group: aws.elasticache.ReplicationGroup
    user: aws.elasticache.User


def cache(concern: Concern, network: Network, key: aws.kms.Key, group: aws.ec2.SecurityGroup) -> Cache:
    """Make the cache of an environment."""
    spec = concern.environment.cache
    subnets = aws.elasticache.SubnetGroup(
        "cache", name=concern.named("cache"), subnet_ids=network.subnet_ids("isolated"), opts=concern.own()
    )
    parameters = aws.elasticache.ParameterGroup(
        "cache",
        name=concern.named("cache"),
        family="valkey8",
        parameters=[{"name": "maxmemory-policy", "value": "allkeys-lru"}],
        opts=concern.own(),
    )
    user, users = _users(concern)
    made = aws.elasticache.ReplicationGroup(
        "cache",
        replication_group_id=concern.named("cache"),
        description="Answers that can be computed again",
        engine="valkey",
        engine_version="8.1",
        node_type=spec.node_type,
        num_cache_clusters=1 + spec.replicas,
        automatic_failover_enabled=spec.replicas > 0,
        multi_az_enabled=spec.replicas > 0,
        port=CACHE_PORT,
        subnet_group_name=subnets.name,
        security_group_ids=[group.id],
        parameter_group_name=parameters.name,
        user_group_ids=[users.user_group_id],
        transit_encryption_enabled=True,
        at_rest_encryption_enabled=True,
        kms_key_id=key.arn,
        snapshot_retention_limit=spec.snapshot_days,
        auto_minor_version_upgrade=True,
        maintenance_window="sun:05:30-sun:06:30",
        tags=concern.data_tags("personal"),
        opts=concern.own(),
    )
    return Cache(made, user)


def _users(concern: Concern) -> tuple[aws.elasticache.User, aws.elasticache.UserGroup]:
    """Make the services' user, and the one called `default`, as whom nobody comes.

    Valkey takes no user without a password, not even one that is off. This one's is made up in the run that makes the
    user, kept by nobody, and changes in no later run.
    """
    nobody = aws.elasticache.User(
        "cache-default",
        user_id=concern.named("cache-default"),
        user_name="default",
        engine="valkey",
        access_string="off -@all",
        authentication_mode={"type": "password", "passwords": [pulumi.Output.secret(secrets.token_hex(32))]},
        opts=concern.own(ignore=("authenticationMode",)),
    )
    hub = aws.elasticache.User(
        "cache-hub",
        user_id=concern.named("cache-hub"),
        user_name=concern.named("cache-hub"),
        engine="valkey",
        access_string="on ~hub:* +@all -@dangerous",
        authentication_mode={"type": "iam"},
        opts=concern.own(),
    )
    users = aws.elasticache.UserGroup(
        "cache",
        user_group_id=concern.named("cache"),
        engine="valkey",
        user_ids=[nobody.user_id, hub.user_id],
        opts=concern.own(),
    )
    return hub, users
