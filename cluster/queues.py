"""Queues as this platform has them: encrypted, over TLS only, and with a place for what nobody can work on."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi_aws as aws

from cluster.concern import Concern, deny_without_tls, document

ATTEMPTS = 5
"""How often a message is tried before it goes to the dead-letter queue."""


@dataclass(frozen=True)
class WorkQueue:
    """A queue and where its messages go that nobody can work on."""

    queue: aws.sqs.Queue
    dead: aws.sqs.Queue


def work_queue(
    concern: Concern, name: str, key: aws.kms.Key, *, visibility_seconds: int, sender: str = ""
) -> WorkQueue:
    """Make a queue with its dead-letter queue; `sender` is the AWS service that may send to it, if one does."""
    dead = aws.sqs.Queue(
        f"{name}-dead",
        name=concern.named(f"{name}-dead"),
        kms_master_key_id=key.key_id,
        message_retention_seconds=14 * 24 * 3600,
        opts=concern.own(),
    )
    queue = aws.sqs.Queue(
        name,
        name=concern.named(name),
        kms_master_key_id=key.key_id,
        visibility_timeout_seconds=visibility_seconds,
        message_retention_seconds=4 * 24 * 3600,
        redrive_policy=dead.arn.apply(
            lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": ATTEMPTS})
        ),
        opts=concern.own(),
    )
    aws.sqs.RedriveAllowPolicy(
        name,
        queue_url=dead.id,
        redrive_allow_policy=queue.arn.apply(
            lambda arn: json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn]})
        ),
        opts=concern.own(),
    )
    for one, made in ((name, queue), (f"{name}-dead", dead)):
        sending = {
            "Sid": "Sender",
            "Effect": "Allow",
            "Principal": {"Service": sender},
            "Action": "sqs:SendMessage",
            "Resource": made.arn,
        }
        statements = [deny_without_tls(made.arn, service="sqs"), *([sending] if sender else [])]
        aws.sqs.QueuePolicy(one, queue_url=made.id, policy=document(*statements), opts=concern.own())
    return WorkQueue(queue, dead)
