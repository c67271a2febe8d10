"""What an environment is made of, as a whole: its parts, its account and Regions, and what is derived from it.

In:  what `environments.py` says.
Out: frozen, checked values; `pydantic.ValidationError` names the field of everything that cannot be.

Whether a version is still supported depends on the day, so that it is asked separately: `Environment.on(date)`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from cluster.parts import (
    Cache,
    CacheType,
    Compute,
    Database,
    DatabaseType,
    DataClass,
    Days,
    Detection,
    Edge,
    Finance,
    InstanceType,
    Name,
    Network,
    Observability,
    Part,
    Pool,
    Recovery,
    Retention,
    SystemNodes,
    Tier,
)

__all__ = [
    "RECOVERED",
    "Cache",
    "CacheType",
    "Compute",
    "DataClass",
    "Database",
    "DatabaseType",
    "Days",
    "Detection",
    "Edge",
    "Environment",
    "Finance",
    "InstanceType",
    "Name",
    "Network",
    "Observability",
    "Pool",
    "Recovery",
    "Retention",
    "SystemNodes",
    "Tier",
    "refusals",
]

RECOVERED = "-recovered"
"""What the stack of whoever stands in is called after the environment's name."""


class Environment(Part):
    """One account with everything in it."""

    name: Name
    account_id: Annotated[str, Field(pattern=r"^\d{12}$")]
    """The AWS account; each environment has its own, which is the strongest wall there is between them."""
    region: str = "us-east-1"
    recovery_region: str = "us-west-2"
    """Where copies and the pilot light are; the only other Region in which anything may be."""
    stands_in: bool = False
    """Whether it is made in the recovery Region while the first one is lost: `recovered()` sets it."""
    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] = "automatrix/platform"
    """The GitHub repository whose workflows may deploy here."""
    owner: str = "platform"
    cost_center: str = "cc-1001"
    alert_email: str = "platform@automatrix.example"
    """Who hears of budgets and anomalies."""
    emergency_permission_set: str = "EmergencyAccess"
    """The permission set of IAM Identity Center whose holders may take on the break-glass role."""
    network: Network
    compute: Compute
    database: Database
    cache: Cache
    edge: Edge
    observability: Observability = Observability()
    detection: Detection = Detection()
    recovery: Recovery = Recovery()
    finance: Finance

    @field_validator("recovery_region")
    @classmethod
    def _recovery_is_elsewhere(cls, value: str, info: ValidationInfo) -> str:
        if value == info.data.get("region"):
            raise ValueError(f"{value} is the Region itself: what is lost with it is no copy")
        return value

    @field_validator("recovery")
    @classmethod
    def _production_has_backups(cls, value: Recovery, info: ValidationInfo) -> Recovery:
        if info.data.get("name") == "prod" and not value.backup:
            raise ValueError("prod without backup: set recovery.backup")
        return value

    @field_validator("database")
    @classmethod
    def _production_can_go_back(cls, value: Database, info: ValidationInfo) -> Database:
        if info.data.get("name") == "prod" and value.backup_days == 0:
            raise ValueError("prod without backup: database.backup_days is 0")
        return value

    @property
    def is_production(self) -> bool:
        """Whether customers are on it."""
        return self.name == "prod"

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the Availability Zones."""
        return tuple(f"{self.region}{suffix}" for suffix in self.network.zones)

    @property
    def prefix(self) -> str:
        """What the names of its resources begin with: an account has each of many kinds of name only once."""
        return f"automatrix-{self.name}-{self.region}" if self.stands_in else f"automatrix-{self.name}"

    @property
    def stack(self) -> str:
        """The name of its stack."""
        return f"{self.name}{RECOVERED}" if self.stands_in else self.name

    def recovered(self) -> Environment:
        """Return what stands in for it in the recovery Region when its own is lost.

        It has the network and the database that stand there, no further Region to copy to, and nothing that the account
        has once and keeps: identities of workflows, budgets, switches.
        """
        kept = self.network.model_copy(update={"cidr": self.network.recovery_cidr, "recovery_cidr": self.network.cidr})
        alone = {"copy_to_recovery_region": False, "copy_to_account": "", "pilot_light": False}
        return self.model_copy(
            update={
                "stands_in": True,
                "region": self.recovery_region,
                "recovery_region": self.region,
                "network": kept,
                "database": self.database.model_copy(update={"global_secondary": False}),
                "recovery": self.recovery.model_copy(update=alone),
            }
        )

    def isolated(self) -> Environment:
        """Return the account that keeps its copies, as far as it is one; ValueError where it has none."""
        account = self.recovery.copy_to_account
        if not account:
            raise ValueError(f"{self.name} names no account in recovery.copy_to_account")
        here = {"account_id": account, "region": self.recovery_region, "recovery_region": self.region}
        return self.model_copy(update=here)

    def on(self, today: date) -> Environment:
        """Return itself when everything in it is supported on that day; ValidationError names the field."""
        return type(self).model_validate(self.model_dump(), context={"today": today})


def refusals(error: ValidationError) -> list[tuple[str, str]]:
    """Return for each mistake the dotted field and what is wrong with it."""
    return [
        (".".join(str(step) for step in found["loc"]), found["msg"].removeprefix("Value error, "))
        for found in error.errors()
    ]
