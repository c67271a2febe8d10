"""The edge before the network, and the services beside it."""

from __future__ import annotations

from cluster.graph.model import Graph
from cluster.reports.diagram.model import Box


def _keys(graph: Graph, *tokens: str) -> tuple[str, ...]:
    return tuple(one.key for one in graph.of_type(*tokens))


def _box(graph: Graph, name: str, title: str, lines: tuple[str, ...], *tokens: str) -> list[Box]:
    """Return a box where the graph has something for it."""
    found = _keys(graph, *tokens)
    return [Box(name, title, lines, keys=found)] if found else []


def edge(graph: Graph) -> Box:
    """Return what faces the internet."""
    walls = graph.of_type("aws:wafv2/webAcl:WebAcl")
    zone = next(iter(graph.of_type("aws:route53/zone:Zone")), None)
    domain = str(zone.get("name")) if zone else ""
    proofs = graph.of_type("aws:acm/certificate:Certificate")
    functions = graph.of_type("aws:cloudfront/function:Function")
    token = ("checks tokens",) if functions else ()
    assets = [one for one in graph.of_type("aws:s3/bucket:Bucket") if one.name == "assets"]
    boxes = [
        *_box(graph, "cdn", "CloudFront", token, "aws:cloudfront/distribution:Distribution"),
        *([Box("assets", "S3 assets", keys=(assets[0].key,))] if assets else []),
        *([Box("wall", "WAF", (f"{len(walls)} web ACLs",), keys=tuple(one.key for one in walls))] if walls else []),
        *_box(graph, "dns", "Route 53", (domain,), "aws:route53/zone:Zone"),
        *_box(graph, "certificates", "ACM", (f"{len(proofs)} certificates",), "aws:acm/certificate:Certificate"),
        *_box(graph, "identity", "IAM", ("roles for CI",), "aws:iam/openIdConnectProvider:OpenIdConnectProvider"),
    ]
    return Box("edge", "Edge", kind="group", children=tuple(boxes))


def services(graph: Graph) -> Box:
    """Return the services of the Region that are in no network."""
    return Box("services", "Services", kind="group", children=tuple(_sorted([*_stores(graph), *_watch(graph)])))


ORDER = ("alarms", "detection", "keys", "secrets", "queue", "buckets", "images", "backup", "budgets")
"""From top to bottom, so that what the cluster uses is at its height."""


def _sorted(boxes: list[Box]) -> list[Box]:
    return sorted(boxes, key=lambda one: ORDER.index(one.id))


def _stores(graph: Graph) -> list[Box]:
    queues = [one for one in graph.of_type("aws:sqs/queue:Queue") if one.name.startswith("jobs")]
    buckets = [one for one in graph.of_type("aws:s3/bucket:Bucket") if one.name != "assets"]
    images = graph.of_type("aws:ecr/repository:Repository")
    scanned = "scanned on push" if all(one.get("imageScanningConfiguration.scanOnPush") for one in images) else ""
    names = tuple(one.name for one in graph.of_type("aws:kms/key:Key") if not one.get("region"))
    return [
        *(
            [Box("queue", "SQS jobs", ("with a dead-letter queue",), keys=tuple(one.key for one in queues))]
            if queues
            else []
        ),
        *(
            [Box("buckets", "S3", (", ".join(one.name for one in buckets),), keys=tuple(one.key for one in buckets))]
            if buckets
            else []
        ),
        *_box(graph, "images", "ECR", (scanned,), "aws:ecr/repository:Repository"),
        *_box(graph, "secrets", "Secrets Manager", ("by External Secrets",), "aws:secretsmanager/secret:Secret"),
        *_box(graph, "keys", "KMS", (", ".join(names),), "aws:kms/key:Key"),
    ]


def _watch(graph: Graph) -> list[Box]:
    alarms = len(_keys(graph, "aws:cloudwatch/metricAlarm:MetricAlarm"))
    detection = {
        "CloudTrail": "aws:cloudtrail/trail:Trail",
        "Config": "aws:cfg/recorder:Recorder",
        "GuardDuty": "aws:guardduty/detector:Detector",
        "Security Hub": "aws:securityhub/account:Account",
        "Inspector": "aws:inspector2/enabler:Enabler",
        "Access Analyzer": "aws:accessanalyzer/analyzer:Analyzer",
    }
    there = {name: token for name, token in detection.items() if graph.of_type(token)}
    lines = tuple(_folded(list(there)))
    plan = next(iter(graph.of_type("aws:backup/plan:Plan")), None)
    kept = f"daily, {plan.get('rules.0.lifecycle.deleteAfter')} days" if plan else ""
    locked = ", locked" if graph.of_type("aws:backup/vaultLockConfiguration:VaultLockConfiguration") else ""
    return [
        *_box(graph, "alarms", "CloudWatch, SNS", (f"{alarms} alarms",), "aws:cloudwatch/metricAlarm:MetricAlarm"),
        *_box(graph, "detection", "Detection", lines, *there.values()),
        *_box(graph, "backup", "AWS Backup", (kept + locked,), "aws:backup/plan:Plan"),
        *_box(graph, "budgets", "Budgets", ("by tier, anomalies",), "aws:budgets/budget:Budget"),
    ]


def _folded(names: list[str], width: int = 2) -> list[str]:
    return [", ".join(names[at : at + width]) for at in range(0, len(names), width)]
