"""The record of the tool: one program in Python beside templates and HCL, and where its state is.

In:  the environments. Out: the page. What is counted is what another tool would have to carry.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.reports.table import Table, markdown_table
from cluster.reports.views import Subject

STACK_LIMIT = 500
"""Resources of one CloudFormation stack (AWS CloudFormation quotas)."""


def page(subjects: Mapping[str, Subject], written: str) -> str:
    """Return the record."""
    prod = subjects["prod"]
    return f"""\
# 0011: the infrastructure is a Pulumi program in Python, its state in each account's own bucket

Date: 2026-11-23. {written}

## Situation

Three environments of one shape that differ by fields, and a fourth stack for copies. People who work on it write Python:
operators, tests, the command line. Cost, controls and recovery shall be functions over the resources, before anything is
created and without an account.

{_table(subjects)}

By `.venv/bin/amx plan --view graph`.

## Decision

Pulumi, Python, an exact minor version. State in an S3 bucket of the environment's own account, encrypted with a key of that
account, versioned, locked by the backend; secrets in it once more by KMS. No Pulumi Cloud is needed.
[How it is made, who may, what to do when it is damaged](../deployment.md#3-state-of-pulumi-once-per-account-account).

## Others considered

| | Language | State | Locking | History | Why not |
|---|---|---|---|---|---|
| Pulumi (this) | Python, typed, tested with pytest | S3 + KMS, ours | lock files of the backend | bucket versions, `pulumi stack history` | the engine's protocol is not public: pinned ([0008](0008-own-resource-monitor.md)) |
| CloudFormation | YAML | AWS keeps it, nothing to lose | by stack | events, 90 days of deleted stacks | {STACK_LIMIT} resources a stack (prod has {_made(prod)}), no functions, no second Region in a stack, waits long, rolls back by itself |
| CDK | Python over jsii | as CloudFormation | as CloudFormation | as CloudFormation | all of CloudFormation's limits below a nicer surface; needs Node.js; multi-Region is several stacks with references by hand |
| Terraform | HCL | S3, native lock files | S3 lock | bucket versions | a second language beside Python; tests are runs; licence BUSL since 2023 |
| OpenTofu | HCL | S3, and client-side encryption of state | S3 lock | bucket versions | open and sound, the second choice; HCL has no types for an environment and no functions over a graph |

Modules decided nothing: `terraform-aws-eks-blueprints` and `pulumi_eks` make the same cluster. What decided is that the
same language describes, prices, checks and tests.

## Follows from it

The state is ours to keep: a lost bucket is a day of `pulumi import`. Whoever writes to it can change prod, so that the
plan role reads only. The provider is the Terraform provider bridged, so that going to OpenTofu would keep names and
properties and lose the reports. We would think again if Pulumi's licence (Apache-2.0) changed, or its Python SDK fell behind.
"""


def _made(subject: Subject) -> int:
    return sum(not one.is_declared for one in subject.graph.cloud())


def _table(subjects: Mapping[str, Subject]) -> str:
    rows = tuple(
        (
            name,
            str(_made(one)),
            str(len({each.type for each in one.graph.cloud()})),
            str(len({one.graph.region(each) for each in one.graph.cloud() if not each.is_declared})),
            str(len(one.graph.edges)),
        )
        for name, one in subjects.items()
    )
    heads = ("environment", "$resources that the tool makes", "$types", "$Regions", "$dependencies")
    return markdown_table(Table("What the tool has to carry", heads, rows), 3)
