"""Controls 68 to 72: copies, where data may be, who answers for it, and what it may cost."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control
from cluster.graph.model import Resource

VAULT = "backup/vault:Vault"
TAGS = ("owner", "data-class", "retention")
BUDGET_ALERTS = {"ACTUAL": 80, "FORECASTED": 100}
_REGION_OF_ARN = re.compile(r"arn:aws:backup:(?P<region>[\w-]+):")


@control("backups-encrypted", remedy="give the vault a kms_key_arn of a key of this account")
def vaults_have_a_key(facts: Facts) -> Gaps:
    """Look for vaults that a key of AWS encrypts."""
    for vault in facts.of(VAULT):
        if not facts.refers(vault.get("kmsKeyArn"), "kms/key:Key"):
            yield Gap(vault.key, "kmsKeyArn", "is no key of this account")


@control(
    "vault-lock-copy-and-restore-test", remedy="set recovery.vault_lock, copy_to_recovery_region and restore_testing"
)
def backups_survive(facts: Facts) -> Gaps:
    """Look for backups that can be deleted, stay in one Region, or were never restored."""
    for vault in facts.of(VAULT):
        if not facts.attached(vault, "backup/vaultLockConfiguration:VaultLockConfiguration", "backupVaultName"):
            yield Gap(vault.key, "", "is not locked")
    plans = facts.of("backup/plan:Plan")
    if not plans:
        yield Gap("", "", "no plan backs anything up")
    for plan in plans:
        if not facts.attached(plan, "backup/selection:Selection", "planId"):
            yield Gap(plan.key, "", "selects nothing")
        for at, rule in enumerate(plan.get("rules") or ()):
            copies = [_copy_region(facts, one) for one in rule.get("copyActions") or ()]
            if not any(region and region != facts.graph.region(plan) for region in copies):
                yield Gap(plan.key, f"rules.{at}.copyActions", "copies nothing to a second Region")
    yield from _restores(facts)


def _restores(facts: Facts) -> Iterator[Gap]:
    tests = facts.of("backup/restoreTestingPlan:RestoreTestingPlan")
    if not tests:
        yield Gap("", "", "no restore testing plan says whether a backup can be restored")
    for test in tests:
        kind = "backup/restoreTestingSelection:RestoreTestingSelection"
        if not facts.attached(test, kind, "restoreTestingPlanName"):
            yield Gap(test.key, "", "tests nothing")


def _copy_region(facts: Facts, action: dict[str, str]) -> str:
    destination = action.get("destinationVaultArn", "")
    vault = facts.graph.target(destination)
    if vault is not None:
        return facts.graph.region(vault)
    match = _REGION_OF_ARN.match(destination)
    return match["region"] if match else ""


@control("allowed-regions-only", remedy="use the Region of the environment or its recovery Region")
def everything_is_where_it_may_be(facts: Facts) -> Gaps:
    """Look for resources, replicas and copies in other Regions."""
    allowed = facts.decisions.regions
    for provider in facts.of("pulumi:providers:aws"):
        if provider.get("region") not in allowed:
            yield Gap(provider.key, "region", f"is {provider.get('region') or 'not set'}")
    for one in facts.graph.cloud():
        region = one.get("region")
        if region and region not in allowed:
            yield Gap(one.key, "region", f"is {region}")
        yield from (Gap(one.key, path, f"is {found}") for path, found in _copies(facts, one) if found not in allowed)


def _copies(facts: Facts, resource: Resource) -> Iterator[tuple[str, str]]:
    """Yield the Regions that a resource copies to, with where it says so."""
    for at, rule in enumerate(resource.get("replicationConfiguration.rules") or ()):
        for to, place in enumerate(rule.get("destinations") or ()):
            yield f"replicationConfiguration.rules.{at}.destinations.{to}.region", str(place.get("region"))
    if resource.type == "aws:backup/plan:Plan":
        for at, rule in enumerate(resource.get("rules") or ()):
            for to, action in enumerate(rule.get("copyActions") or ()):
                yield f"rules.{at}.copyActions.{to}.destinationVaultArn", _copy_region(facts, action)
    if resource.type == "aws:s3/bucketReplicationConfig:BucketReplicationConfig":
        for at, rule in enumerate(resource.get("rules") or ()):
            for bucket in facts.graph.targets(rule.get("destination", {}).get("bucket", "")):
                yield f"rules.{at}.destination.bucket", facts.graph.region(bucket)


@control("ownership-and-data-tags", remedy="make the resource under a provider of `Setting`, which tags by default")
def everything_has_an_owner(facts: Facts) -> Gaps:
    """Look for resources that do not say who answers for them, what they hold and for how long."""
    for one in facts.graph.cloud():
        if one.taggable:
            tags = facts.graph.tags(one)
            missing = [name for name in TAGS if not tags.get(name)]
            if missing:
                yield Gap(one.key, "tags", f"lacks {', '.join(missing)}")


@control(
    "budget-and-anomaly-monitor",
    remedy="keep the environment's budget with both alerts, and an anomaly monitor with a subscriber",
)
def spending_is_watched(facts: Facts) -> Gaps:
    """Look for an environment whose cost could run away unseen."""
    whole = [one for one in facts.of("budgets/budget:Budget") if not one.get("costFilters")]
    if not whole:
        yield Gap("", "", "no budget covers the whole environment")
    for budget in whole:
        for kind, percent in BUDGET_ALERTS.items():
            if not _alerts(budget, kind, percent):
                yield Gap(budget.key, "notifications", f"tells nobody at {percent} % {kind.lower()}")
    yield from _tiers(facts)
    monitors = facts.of("costexplorer/anomalyMonitor:AnomalyMonitor")
    told = [one for one in facts.of("costexplorer/anomalySubscription:AnomalySubscription") if one.get("subscribers")]
    # An account has one monitor of services: where AWS has made it, it is named and not made.
    named = any(str(arn).startswith("arn:") for one in told for arn in one.get("monitorArnLists") or ())
    if not monitors and not named:
        yield Gap("", "", "no monitor looks for unusual cost")
    for monitor in monitors:
        found = facts.attached(monitor, "costexplorer/anomalySubscription:AnomalySubscription", "monitorArnLists")
        if not any(one.get("subscribers") for one in found):
            yield Gap(found[0].key if found else monitor.key, "subscribers" if found else "", "tells nobody")


def _tiers(facts: Facts) -> Iterator[Gap]:
    """Look for budgets of a tag that nothing has: they stay at nothing, whatever is spent."""
    used = {f"user:{name}${value}" for one in facts.graph.cloud() for name, value in facts.graph.tags(one).items()}
    for budget in facts.of("budgets/budget:Budget"):
        for at, one in enumerate(budget.get("costFilters") or ()):
            if one.get("name") == "TagKeyValue" and not used & set(one.get("values") or ()):
                yield Gap(
                    budget.key, f"costFilters.{at}.values", f"names {', '.join(one['values'])}, which nothing has"
                )


def _alerts(budget: Resource, kind: str, percent: int) -> bool:
    return any(
        one.get("notificationType") == kind
        and one.get("thresholdType") == "PERCENTAGE"
        and float(one.get("threshold", 0)) <= percent
        and (one.get("subscriberEmailAddresses") or one.get("subscriberSnsTopicArns"))
        for one in budget.get("notifications") or ()
    )
