"""Controls 51 to 54, 60 and 61: cache, queues, buckets and images."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control, must
from cluster.controls.policies import statements
from cluster.graph.model import Resource

GROUP = "elasticache/replicationGroup:ReplicationGroup"
QUEUE = "sqs/queue:Queue"
BUCKET = "s3/bucket:Bucket"
CLOSED = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
DEPTH = "ApproximateNumberOfMessagesVisible"


@control("cache-encrypted", remedy="set transit_encryption_enabled and at_rest_encryption_enabled")
def caches_are_encrypted(facts: Facts) -> Gaps:
    """Look for caches in plain text; serverless ones are always encrypted."""
    for one in facts.of(GROUP):
        yield from must(one, "transitEncryptionEnabled", True, default=False)
        yield from must(one, "atRestEncryptionEnabled", True, default=False)


@control("cache-failover-and-backup", remedy="set cache.replicas to 1 or more, and cache.snapshot_days")
def caches_fail_over(facts: Facts) -> Gaps:
    """Look for caches that are empty after a node or a zone has failed."""
    for one in facts.of(GROUP):
        yield from must(one, "automaticFailoverEnabled", True, default=False)
    for one in facts.of(GROUP, "elasticache/serverlessCache:ServerlessCache"):
        if not one.get("snapshotRetentionLimit"):
            yield Gap(one.key, "snapshotRetentionLimit", "keeps no backup")


@control("queue-encrypted-not-public", remedy="give the queue a kms_master_key_id, and name who may use it")
def queues_are_closed(facts: Facts) -> Gaps:
    """Look for messages in plain text, and for queues that anybody may use."""
    for queue in facts.of(QUEUE):
        if not (queue.get("kmsMasterKeyId") or queue.get("sqsManagedSseEnabled")):
            yield Gap(queue.key, "kmsMasterKeyId", "is not set, and SQS's own encryption is off")
        policies = [queue, *facts.attached(queue, "sqs/queuePolicy:QueuePolicy", "queueUrl")]
        for one in policies:
            if any(statement.for_everyone for statement in statements(one, "policy")):
                yield Gap(one.key, "policy", "lets anybody use the queue")


@control(
    "dead-letter-queue-with-alarm",
    remedy="make it with `work_queue`, and an alarm on the depth of its dead-letter queue",
)
def failed_work_is_noticed(facts: Facts) -> Gaps:
    """Look for queues that lose or repeat what fails, and for dead-letter queues that nobody watches."""
    dead: dict[str, Resource] = {}
    missing = []
    for queue in facts.of(QUEUE):
        found = _dead_letters(facts, queue)
        dead |= {one.key: one for one in found}
        missing += [] if found else [queue]
    for queue in missing:
        if queue.key not in dead:
            yield Gap(queue.key, "redrivePolicy", "names no dead-letter queue")
    for one in dead.values():
        if not _is_watched(facts, one):
            yield Gap(one.key, "", f"has no alarm on {DEPTH}")


def _dead_letters(facts: Facts, queue: Resource) -> list[Resource]:
    policies = [queue.get("redrivePolicy")]
    policies += [
        one.get("redrivePolicy") for one in facts.attached(queue, "sqs/redrivePolicy:RedrivePolicy", "queueUrl")
    ]
    return [one for policy in policies for one in facts.graph.targets(policy or "") if one.type == f"aws:{QUEUE}"]


def _is_watched(facts: Facts, queue: Resource) -> bool:
    alarms = facts.attached(queue, "cloudwatch/metricAlarm:MetricAlarm", "dimensions.QueueName")
    return any(one.get("metricName") == DEPTH and one.get("actionsEnabled", True) for one in alarms)


@control("buckets-private-tls-lifecycle", remedy="make the bucket with `cluster.buckets.bucket`")
def buckets_are_closed(facts: Facts) -> Gaps:
    """Look for buckets that could become public, answer without TLS, or keep everything for ever."""
    for bucket in facts.of(BUCKET):
        blocks = facts.attached(bucket, "s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "bucket")
        if not blocks:
            yield Gap(bucket.key, "", "has no public access block")
        for block in blocks:
            for way in CLOSED:
                yield from must(block, way, True, default=False)
        policies = facts.attached(bucket, "s3/bucketPolicy:BucketPolicy", "bucket")
        if not any(_needs_tls(one) for one in policies):
            where = policies[0].key if policies else bucket.key
            yield Gap(where, "policy" if policies else "", "does not refuse requests without TLS")
        yield from _lifecycle(facts, bucket)


def _needs_tls(policy: Resource) -> bool:
    return any(
        not one.allows and "*" in one.principals and one.condition("aws:SecureTransport") == ("false",)
        for one in statements(policy, "policy")
    )


def _lifecycle(facts: Facts, bucket: Resource) -> Iterator[Gap]:
    found = facts.attached(bucket, "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "bucket")
    if not found:
        yield Gap(bucket.key, "", "has no lifecycle configuration")
    for one in found:
        if not any(rule.get("status") == "Enabled" for rule in one.get("rules") or ()):
            yield Gap(one.key, "rules", "has no rule that is in force")


@control("image-repositories-hardened", remedy="scan on push, make tags immutable, and expire old images")
def images_are_kept_well(facts: Facts) -> Gaps:
    """Look for images that are not scanned, can be replaced under their tag, or stay for ever."""
    scanned = bool(facts.of("ecr/registryScanningConfiguration:RegistryScanningConfiguration"))
    for one in facts.of("ecr/repository:Repository"):
        if not scanned:
            yield from must(one, "imageScanningConfiguration.scanOnPush", True, default=False)
        yield from must(one, "imageTagMutability", "IMMUTABLE", default="MUTABLE")
        if not facts.attached(one, "ecr/lifecyclePolicy:LifecyclePolicy", "repository"):
            yield Gap(one.key, "", "has no lifecycle policy")
