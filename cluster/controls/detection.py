"""Controls 62 to 67: what is recorded, and who is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control, must
from cluster.graph.model import Json, Resource
from cluster.runbooks import RUNBOOKS, AlarmTier
from cluster.specification import DataClass

PLANS = ("EKS_AUDIT_LOGS", "RUNTIME_MONITORING", "RDS_LOGIN_EVENTS")
AGENT = "EKS_ADDON_MANAGEMENT"
CONFIG_ROLE = "aws-service-role/config.amazonaws.com/"
ALARMS = ("cloudwatch/metricAlarm:MetricAlarm", "cloudwatch/compositeAlarm:CompositeAlarm")
_RUNBOOK = re.compile(rf"https://\S+/{RUNBOOKS}/[\w-]+\.md")


@control("audit-trail", remedy="keep one multi-Region trail with a key, validation and delivery to CloudWatch Logs")
def changes_are_recorded(facts: Facts) -> Gaps:
    """Look for an account without a whole trail."""
    trails = facts.of("cloudtrail/trail:Trail")
    if not trails:
        yield Gap("", "", "no trail records what is done in the account")
    for trail in trails:
        yield from must(trail, "isMultiRegionTrail", True, default=False)
        yield from must(trail, "enableLogFileValidation", True, default=False)
        yield from must(trail, "enableLogging", True, default=True)
        yield from must(trail, "includeGlobalServiceEvents", True, default=True)
        if not facts.refers(trail.get("kmsKeyId"), "kms/key:Key"):
            yield Gap(trail.key, "kmsKeyId", "is no key of this account")
        groups = [one for one in facts.graph.targets(trail.get("cloudWatchLogsGroupArn", "")) if "logGroup" in one.type]
        if not groups:
            yield Gap(trail.key, "cloudWatchLogsGroupArn", "is no log group of this program")
        selectors = trail.get("eventSelectors") or ()
        if selectors and not any(one.get("includeManagementEvents", True) for one in selectors):
            yield Gap(trail.key, "eventSelectors", "leaves management events out")


@control("config-recorder", remedy="set detection.configuration_history")
def configuration_is_recorded(facts: Facts) -> Gaps:
    """Look for an account whose configuration nobody could tell afterwards."""
    recorders = facts.of("cfg/recorder:Recorder")
    if not recorders:
        yield Gap("", "", "no recorder keeps the history of resources")
    for recorder in recorders:
        if CONFIG_ROLE not in str(recorder.get("roleArn")):
            yield Gap(recorder.key, "roleArn", "is not the service-linked role")
        states = facts.attached(recorder, "cfg/recorderStatus:RecorderStatus", "name")
        if not any(one.get("isEnabled") for one in states):
            yield Gap(states[0].key if states else recorder.key, "isEnabled" if states else "", "does not record")
        if not facts.of("cfg/deliveryChannel:DeliveryChannel"):
            yield Gap(recorder.key, "", "has no delivery channel")


@control("guardduty-enabled", remedy="set detection.threats")
def threats_are_looked_for(facts: Facts) -> Gaps:
    """Look for an account, or a plan, in which GuardDuty is off."""
    detectors = facts.of("guardduty/detector:Detector")
    if not detectors:
        yield Gap("", "", "GuardDuty is off")
    for detector in detectors:
        yield from must(detector, "enable", True, default=True)
        features = {
            one.get("name"): one
            for one in facts.attached(detector, "guardduty/detectorFeature:DetectorFeature", "detectorId")
        }
        for plan in PLANS:
            if plan not in features:
                yield Gap(detector.key, "", f"lacks the plan {plan}")
            else:
                yield from must(features[plan], "status", "ENABLED")
        runtime = features.get("RUNTIME_MONITORING")
        if runtime is not None:
            agents = {one.get("name"): one.get("status") for one in runtime.get("additionalConfigurations") or ()}
            if agents.get(AGENT) != "ENABLED":
                yield Gap(
                    runtime.key, "additionalConfigurations", f"leaves {AGENT} off, so that no agent watches nodes"
                )


@control("inspector-image-scanning", remedy="set detection.vulnerabilities")
def images_are_scanned_again(facts: Facts) -> Gaps:
    """Look for an account in which Inspector leaves images alone."""
    enablers = facts.of("inspector2/enabler:Enabler")
    if not any("ECR" in (one.get("resourceTypes") or ()) for one in enablers):
        yield Gap(enablers[0].key if enablers else "", "resourceTypes" if enablers else "", "does not include ECR")


@control("log-retention-by-data-class", remedy="set retention_in_days to the retention of the group's data class")
def logs_have_an_end(facts: Facts) -> Gaps:
    """Look for logs that are kept for ever, and for two ends of one data class."""
    days: dict[str, dict[int, list[Resource]]] = {}
    for group in facts.of("cloudwatch/logGroup:LogGroup"):
        kept, tags = int(group.get("retentionInDays") or 0), facts.graph.tags(group)
        data_class = tags.get("data-class", "")
        if not kept:
            yield Gap(group.key, "retentionInDays", "is not set: logs are kept for ever")
        elif data_class not in get_args(DataClass):
            yield Gap(group.key, "tags.data-class", f"is {data_class or 'not set'}")
        elif tags.get("retention") != f"{kept}d":
            yield Gap(group.key, "retentionInDays", f"is {kept}, and its data class is kept {tags.get('retention')}")
        else:
            days.setdefault(data_class, {}).setdefault(kept, []).append(group)
    for data_class, found in days.items():
        usual = max(found, key=lambda kept: len(found[kept]))
        for kept, groups in found.items():
            for group in groups if kept != usual else ():
                yield Gap(group.key, "retentionInDays", f"is {kept}, and {data_class} logs are kept {usual} days")


@control("alarm-to-pager-per-tier", remedy="set observability.pager, and name a runbook in the alarm's description")
def somebody_is_woken(facts: Facts) -> Gaps:
    """Look for tiers of which no alarm reaches the pager and says what to do."""
    paged = {
        topic.key
        for one in facts.of("sns/topicSubscription:TopicSubscription")
        if one.get("protocol") == "https" and _calls_somebody(one.get("endpoint"))
        for topic in facts.graph.targets(one.get("topic"))
    }
    covered = {str(one.get("tags.alarm-tier")) for one in _alarms(facts, paged)}
    for tier in get_args(AlarmTier):
        if tier not in covered:
            yield Gap("", "", f"no alarm of the tier {tier} reaches the pager and names its runbook")


def _calls_somebody(endpoint: Json) -> bool:
    """Whether an address is a secret of the stack, or one that somebody has set."""
    return isinstance(endpoint, dict) or (isinstance(endpoint, str) and bool(endpoint) and "unset" not in endpoint)


def _alarms(facts: Facts, paged: set[str]) -> Iterator[Resource]:
    for one in facts.of(*ALARMS):
        topics = {topic.key for topic in facts.graph.targets(one.get("alarmActions") or [])}
        if topics & paged and one.get("actionsEnabled", True) and _RUNBOOK.search(str(one.get("alarmDescription"))):
            yield one
