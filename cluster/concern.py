"""What every concern of the program stands on: its component, providers with tags, policies, keys.

In:  the environment.
Out: `Concern`, the base of the components; `Setting`, what they share; policy documents as JSON.

Tags come from the provider: each tier has its own, so that no resource can be without them. Only what holds data says
more, by `data_tags`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster.runbooks import RUNBOOKS
from cluster.specification import DataClass, Environment, Tier

Text = str | pulumi.Output[str]
Document = Mapping[str, Any]
PROJECT = "automatrix"
"""The project's name, under which a stack's settings stand in `Pulumi.<stack>.yaml`."""
POLICY_VERSION = "2012-10-17"


@dataclass
class Setting:
    """What every concern is given: the environment, the providers of its tiers, and the boundary of roles."""

    environment: Environment
    boundary: aws.iam.Policy | None = None
    _providers: dict[Tier, aws.Provider] = field(default_factory=dict)

    def provider(self, tier: Tier) -> aws.Provider:
        """Return the provider whose default tags name that tier."""
        if tier not in self._providers:
            environment = self.environment
            self._providers[tier] = aws.Provider(
                tier,
                region=environment.region,
                allowed_account_ids=[environment.account_id],
                default_tags={
                    "tags": {
                        "env": environment.name,
                        "service": "automatrix",
                        "owner": environment.owner,
                        "cost-center": environment.cost_center,
                        "tier": tier,
                        "data-class": "operational",
                        "retention": f"{environment.observability.retention.operational}d",
                        "managed-by": "pulumi",
                    }
                },
            )
        return self._providers[tier]


class Concern(pulumi.ComponentResource):
    """A component: everything of one concern, under one name and with the tags of one tier."""

    def __init__(self, setting: Setting, name: str, tier: Tier) -> None:
        options = pulumi.ResourceOptions(providers=[setting.provider(tier)], transformations=[self._bound])
        self.setting = setting
        self.environment = setting.environment
        super().__init__(f"automatrix:index:{type(self).__name__}", name, None, options)

    def _bound(self, made: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Give a role the platform's boundary where it has none of its own."""
        boundary = self.setting.boundary
        if boundary is None or made.type_ != "aws:iam/role:Role" or made.props.get("permissions_boundary"):
            return None
        return pulumi.ResourceTransformationResult({**made.props, "permissions_boundary": boundary.arn}, made.opts)

    def own(self, *after: pulumi.Resource, protect: bool = False, ignore: Sequence[str] = ()) -> pulumi.ResourceOptions:
        """Return the options of a resource of this concern: `after` must exist before it, `ignore` AWS says itself."""
        return pulumi.ResourceOptions(
            parent=self, depends_on=list(after) or None, protect=protect or None, ignore_changes=list(ignore) or None
        )

    def named(self, name: str) -> str:
        """Return the name that a resource has in AWS."""
        return f"{self.environment.prefix}-{name}"

    def data_tags(self, data_class: DataClass, **more: str) -> dict[str, str]:
        """Return the tags of what holds data: which, and how long it is kept."""
        days = getattr(self.environment.observability.retention, data_class)
        return {"data-class": data_class, "retention": f"{days}d", **more}

    def runbook(self, name: str) -> str:
        """Return where it says what to do when an alarm rings."""
        return f"https://github.com/{self.environment.repository}/blob/main/{RUNBOOKS}/{name}.md"

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        """Return an ARN in this account; `region` "" for services without Regions."""
        where = self.environment.region if region is None else region
        return f"arn:aws:{service}:{where}:{self.environment.account_id}:{resource}"


def secret_setting(name: str) -> pulumi.Output[str]:
    """Return a secret of the stack's settings; without it nothing is previewed or made."""
    return pulumi.Config(PROJECT).require_secret(name)


def allow(
    actions: Sequence[str], resources: Sequence[Text] | Text = "*", conditions: Document | None = None
) -> dict[str, Any]:
    """Return a statement of an identity's policy."""
    wanted = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
    return {**wanted, "Condition": conditions} if conditions else wanted


def deny_without_tls(*resources: Text, service: str) -> dict[str, Any]:
    """Return the statement that refuses whoever comes without TLS."""
    return {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": f"{service}:*",
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def allow_service(
    service: str, actions: Sequence[str], resources: Sequence[Text] | Text, conditions: Document | None = None
) -> dict[str, Any]:
    """Return a statement of a resource's policy that lets an AWS service in."""
    return {**allow(actions, resources, conditions), "Principal": {"Service": service}}


def document(*statements: Document) -> pulumi.Output[str]:
    """Return a policy document as JSON."""
    return pulumi.Output.json_dumps({"Version": POLICY_VERSION, "Statement": list(statements)})


def trust(service: str, *, actions: Sequence[str] = ("sts:AssumeRole",), account: str = "") -> pulumi.Output[str]:
    """Return who may take a role on: one AWS service, for this account only where it says so."""
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": list(actions)}
    if account:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return document(statement)
