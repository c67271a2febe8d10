"""What is known not to hold, and why it may stay so for a while.

In:  this table, edited by hand and reviewed as any change.
Out: waivers: for one control at one resource of some environments, with an owner, a reason and an end.

A waiver that has expired, or that matches nothing any more, is itself a finding: neither a forgotten risk nor a
forgotten excuse stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Waiver:
    """Why a control need not hold at one resource until a day."""

    control: str
    resource: str
    """Key of the resource, as the finding names it."""
    environments: tuple[str, ...]
    owner: str
    reason: str
    granted: date
    expires: date

    def __post_init__(self) -> None:
        if not (self.owner and self.reason and self.environments):
            raise ValueError(f"waiver of {self.control}: owner, reason and environments are needed")
        if not self.granted <= self.expires <= self.granted + LONGEST:
            raise ValueError(
                f"waiver of {self.control}: it ends between its start and a year later, not {self.expires}"
            )

    def __str__(self) -> str:
        return f"{self.control} at {self.resource}"


WAIVERS: tuple[Waiver, ...] = (
    Waiver(
        control="no-decrypt-on-all-keys",
        resource="iam.RolePolicyAttachment/github-deploy",
        environments=("dev", "staging", "prod"),
        owner="platform",
        reason=(
            "The deploying role has PowerUserAccess under a boundary until the first deployments have shown what it "
            "calls; then Access Analyzer's policy from the trail replaces it. It can be taken on only by workflows "
            "of one repository in one environment, for an hour."
        ),
        granted=date(2026, 11, 23),
        expires=date(2027, 3, 31),
    ),
    Waiver(
        control="secret-rotation",
        resource="secretsmanager.Secret/sentry",
        environments=("staging", "prod", "prod-recovered"),
        owner="platform",
        reason=(
            "A DSN of Sentry is made in Sentry and may only send events. Nothing in AWS can rotate it: it is "
            "changed by hand once a year, and whenever it was seen where it should not be."
        ),
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
    Waiver(
        control="secret-rotation",
        resource="rds.Cluster/hub",
        environments=("prod",),
        owner="platform",
        reason=(
            "Secrets Manager keeps no password for a member of a global database. The stack's own is used once: from "
            "the first login on the administrator comes by IAM (`grant rds_iam`), and a password is then refused."
        ),
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
    Waiver(
        control="ecr-interface-endpoints",
        resource="ec2.Vpc/recovery",
        environments=("prod",),
        owner="platform",
        reason=(
            "The pilot light has isolated subnets and no node: nothing there pulls an image. The end points are made "
            "with the cluster on the day it takes over, as the disaster recovery plan says."
        ),
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
    Waiver(
        control="ops-interface-endpoints",
        resource="ec2.Vpc/recovery",
        environments=("prod",),
        owner="platform",
        reason="As for the end points of images: nothing runs in the pilot light that would call a service.",
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
    Waiver(
        control="database-multi-az",
        resource="rds.Cluster/hub-secondary",
        environments=("prod",),
        owner="platform",
        reason=(
            "The secondary has storage in three zones and no instance, so that it costs storage only. Two instances "
            "are added when it takes over, within the recovery time of the Region."
        ),
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
    Waiver(
        control="vault-lock-copy-and-restore-test",
        resource="backup.Plan/daily",
        environments=("prod-recovered",),
        owner="platform",
        reason="While the first Region is lost there is no second one to copy to; it ends with the way back.",
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
    Waiver(
        control="budget-and-anomaly-monitor",
        resource="",
        environments=("prod-recovered",),
        owner="platform",
        reason="Budgets and the monitor are of the account and not of a Region: those of prod go on.",
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
    Waiver(
        control="audit-trail",
        resource="",
        environments=("isolated",),
        owner="security",
        reason="The organisation's trail records the account, and is made in another one (deployment, step 2).",
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
    Waiver(
        control="vault-lock-copy-and-restore-test",
        resource="",
        environments=("isolated",),
        owner="security",
        reason="The account takes copies and makes none; a person restores one in it twice a year, as the drill says.",
        granted=date(2026, 11, 23),
        expires=date(2027, 11, 23),
    ),
)
