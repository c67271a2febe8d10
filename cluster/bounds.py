"""What every role of the platform is held by: nobody who runs here makes somebody who may do more.

The boundary is given to each role that has none of its own (`Concern` sees to it), and CI may give rights only to roles
that have one: whoever can make roles would otherwise make itself an administrator.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws

from cluster.concern import Concern, Setting, allow, document
from cluster.specification import Environment


def most(environment: Environment) -> dict[str, Any]:
    """Return the statement that nobody gets beyond: all but identities and the organisation, in our Regions."""
    regions = sorted({environment.region, environment.recovery_region, "us-east-1"})
    return {
        "Sid": "AllButIdentities",
        "Effect": "Allow",
        "NotAction": ["iam:*", "organizations:*", "account:*", "sso:*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": regions}},
    }


class Bounds(Concern):
    """The boundary of roles. Of IAM it leaves what controllers need: to give a machine its role."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "bounds", "security")
        prefix = self.environment.prefix
        passed = {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "backup.amazonaws.com"]}}
        setting.boundary = aws.iam.Policy(
            "platform-boundary",
            name=self.named("platform-boundary"),
            description="What a role of the platform may do at most, whatever its policies say",
            policy=document(
                most(self.environment),
                allow(["iam:PassRole"], self.arn("iam", f"role/{prefix}-*", ""), passed),
                allow(["iam:GetInstanceProfile"], self.arn("iam", f"instance-profile/{prefix}-*", "")),
                allow(["iam:ListInstanceProfiles"], "*"),
                allow(["iam:CreateServiceLinkedRole"], self.arn("iam", "role/aws-service-role/*", "")),
            ),
            opts=self.own(),
        )
        self.register_outputs({})
