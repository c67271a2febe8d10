"""A bucket as this platform has them: private, encrypted, over TLS only, and with an end for everything in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster.concern import Concern, deny_without_tls, document
from cluster.specification import DataClass


@dataclass(frozen=True)
class BucketSpec:
    """What differs between buckets."""

    name: str
    data_class: DataClass
    expire_days: int | None = None
    """After how long objects go; None keeps them and lets only their old versions go."""
    key: aws.kms.Key | None = None
    """What it is encrypted with; None where a service writes that cannot use our keys."""
    statements: tuple[Mapping[str, Any], ...] = ()
    """Who else may write, added to the policy; `{bucket}` in a resource stands for its ARN."""
    region: str | None = None
    backup: bool = False


def bucket(concern: Concern, spec: BucketSpec) -> aws.s3.Bucket:
    """Make a bucket and everything that keeps it closed."""
    return bucket_and_policy(concern, spec)[0]


def bucket_and_policy(concern: Concern, spec: BucketSpec) -> tuple[aws.s3.Bucket, aws.s3.BucketPolicy]:
    """Do so, and return its policy too: a service that writes is refused until that is there."""
    physical = f"{concern.named(spec.name)}-{concern.environment.account_id}"
    own, region = concern.own(), spec.region
    tags = concern.data_tags(spec.data_class, **({"backup": "true"} if spec.backup else {}))
    made = aws.s3.Bucket(spec.name, bucket=physical, tags=tags, region=region, opts=own)
    closed = aws.s3.BucketPublicAccessBlock(
        spec.name,
        bucket=made.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        region=region,
        opts=own,
    )
    aws.s3.BucketOwnershipControls(
        spec.name, bucket=made.id, rule={"object_ownership": "BucketOwnerEnforced"}, region=region, opts=own
    )
    aws.s3.BucketVersioning(
        spec.name, bucket=made.id, versioning_configuration={"status": "Enabled"}, region=region, opts=own
    )
    _encrypt(spec, made, own)
    _expire(spec, made, own)
    arn = f"arn:aws:s3:::{physical}"
    statements = [{**one, "Resource": one["Resource"].replace("{bucket}", arn)} for one in spec.statements]
    policy = aws.s3.BucketPolicy(
        spec.name,
        bucket=made.id,
        policy=document(deny_without_tls(made.arn, pulumi.Output.concat(made.arn, "/*"), service="s3"), *statements),
        region=region,
        opts=concern.own(closed),
    )
    return made, policy


def _encrypt(spec: BucketSpec, made: aws.s3.Bucket, own: pulumi.ResourceOptions) -> None:
    aws.s3.BucketServerSideEncryptionConfiguration(
        spec.name,
        bucket=made.id,
        rules=[
            {
                "bucket_key_enabled": spec.key is not None,
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms" if spec.key else "AES256",
                    "kms_master_key_id": spec.key.arn if spec.key else None,
                },
            }
        ],
        region=spec.region,
        opts=own,
    )


def _expire(spec: BucketSpec, made: aws.s3.Bucket, own: pulumi.ResourceOptions) -> None:
    rules: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": "old-versions",
            "status": "Enabled",
            "filter": {},
            "noncurrent_version_expiration": {"noncurrent_days": 30},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        }
    ]
    if spec.expire_days is not None:
        rules.append({"id": "expire", "status": "Enabled", "filter": {}, "expiration": {"days": spec.expire_days}})
    aws.s3.BucketLifecycleConfiguration(spec.name, bucket=made.id, rules=rules, region=spec.region, opts=own)
