"""When an object is healthy: one row per thing a user can see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operators.gitops.health import health_of, healths_of, of_application

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SEEN = {"observedGeneration": 2}


def thing(kind: str, status: Any = None, spec: Any = None, **metadata: Any) -> dict[str, Any]:
    group_kind = {
        "Deployment": "apps/v1",
        "StatefulSet": "apps/v1",
        "DaemonSet": "apps/v1",
        "ReplicaSet": "apps/v1",
        "Job": "batch/v1",
        "CronJob": "batch/v1",
        "Ingress": "networking.k8s.io/v1",
        "HorizontalPodAutoscaler": "autoscaling/v2",
        "APIService": "apiregistration.k8s.io/v1",
        "CustomResourceDefinition": "apiextensions.k8s.io/v1",
        "Application": "argoproj.io/v1alpha1",
        "Gateway": "gateway.networking.k8s.io/v1",
        "HTTPRoute": "gateway.networking.k8s.io/v1",
        "Canary": "automatrix.dev/v1alpha1",
    }
    made: dict[str, Any] = {"apiVersion": group_kind.get(kind, "v1"), "kind": kind}
    made["metadata"] = {"name": "x", "generation": 2, **metadata}
    if spec is not None:
        made["spec"] = spec
    if status is not None:
        made["status"] = status
    return made


def says(type_: str, status: str = "True", **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": status, **more}]}


ROLLED = {**SEEN, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}
STATEFUL = {**ROLLED, "updateRevision": "b", "currentRevision": "b"}
DAEMONS = {**SEEN, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}


@pytest.mark.parametrize(
    ("live", "want"),
    [
        (thing("Canary", {**SEEN, **says("Reconciling")}), "Progressing"),
        (thing("Canary", {**SEEN, **says("Stalled", reason="RolledBack")}), "Degraded"),
        (thing("Canary", {**SEEN, **says("Paused", reason="Held")}), "Suspended"),
        (thing("ConfigMap"), None),
        (thing("ConfigMap", deletionTimestamp="2026-01-01T00:00:00Z"), "Progressing"),
        (thing("Deployment", ROLLED, {"replicas": 2}), "Healthy"),
        (thing("Deployment", {**ROLLED, "observedGeneration": 1}, {"replicas": 2}), "Progressing"),
        (thing("Deployment", {**ROLLED, "updatedReplicas": 1}, {"replicas": 2}), "Progressing"),
        (thing("Deployment", {**ROLLED, "replicas": 3}, {"replicas": 2}), "Progressing"),
        (thing("Deployment", {**ROLLED, "availableReplicas": 1}, {"replicas": 2}), "Progressing"),
        (
            thing("Deployment", {**ROLLED, **says("Progressing", "False", reason="ProgressDeadlineExceeded")}, {}),
            "Degraded",
        ),
        (thing("Deployment", ROLLED, {"replicas": 2, "paused": True}), "Suspended"),
        (thing("Deployment", SEEN, {"replicas": 0}), "Healthy"),
        (thing("StatefulSet", STATEFUL, {"replicas": 2}), "Healthy"),
        (thing("StatefulSet", {**STATEFUL, "readyReplicas": 1}, {"replicas": 2}), "Progressing"),
        (thing("StatefulSet", {**STATEFUL, "currentRevision": "a"}, {"replicas": 2}), "Progressing"),
        (
            thing(
                "StatefulSet",
                {**STATEFUL, "currentRevision": "a"},
                {"replicas": 2, "updateStrategy": {"type": "OnDelete"}},
            ),
            "Healthy",
        ),
        (thing("DaemonSet", DAEMONS), "Healthy"),
        (thing("DaemonSet", {**DAEMONS, "numberAvailable": 1}), "Progressing"),
        (thing("DaemonSet", {**DAEMONS, "updatedNumberScheduled": 1}), "Progressing"),
        (thing("ReplicaSet", {**SEEN, "availableReplicas": 1}, {"replicas": 1}), "Healthy"),
        (thing("ReplicaSet", {**SEEN, **says("ReplicaFailure", message="quota")}, {"replicas": 1}), "Degraded"),
        (thing("Pod", {"phase": "Running", **says("Ready")}), "Healthy"),
        (thing("Pod", {"phase": "Running"}), "Progressing"),
        (thing("Pod", {"phase": "Pending"}), "Progressing"),
        (
            thing(
                "Pod",
                {
                    "phase": "Pending",
                    "containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff"}}}],
                },
            ),
            "Degraded",
        ),
        (
            thing(
                "Pod",
                {
                    "phase": "Running",
                    "containerStatuses": [{"name": "a", "lastState": {"terminated": {"exitCode": 1}}}],
                },
            ),
            "Degraded",
        ),
        (thing("Pod", {"phase": "Succeeded"}), "Healthy"),
        (thing("Pod", {"phase": "Failed"}), "Degraded"),
        (thing("Job", says("Complete")), "Healthy"),
        (thing("Job", says("Failed", message="back-off")), "Degraded"),
        (thing("Job", says("Suspended")), "Suspended"),
        (thing("Job", {}), "Progressing"),
        (thing("CronJob", None, {"suspend": True}), "Suspended"),
        (thing("CronJob", None, {}), "Healthy"),
        (thing("PersistentVolumeClaim", {"phase": "Bound"}), "Healthy"),
        (thing("PersistentVolumeClaim", {"phase": "Pending"}), "Progressing"),
        (thing("PersistentVolumeClaim", {"phase": "Lost"}), "Degraded"),
        (thing("Service", {}, {"type": "ClusterIP"}), "Healthy"),
        (thing("Service", {}, {"type": "LoadBalancer"}), "Progressing"),
        (thing("Service", {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, {"type": "LoadBalancer"}), "Healthy"),
        (thing("Ingress", {}), "Progressing"),
        (thing("Ingress", {"loadBalancer": {"ingress": [{"hostname": "x"}]}}), "Healthy"),
        (thing("HorizontalPodAutoscaler", says("AbleToScale")), "Healthy"),
        (
            thing("HorizontalPodAutoscaler", says("ScalingActive", "False", reason="FailedGetResourceMetric")),
            "Degraded",
        ),
        (thing("HorizontalPodAutoscaler", {}), "Progressing"),
        (thing("APIService", says("Available")), "Healthy"),
        (thing("APIService", says("Available", "False", message="no endpoints")), "Progressing"),
        (thing("CustomResourceDefinition", says("Established")), "Healthy"),
        (thing("CustomResourceDefinition", {}), "Progressing"),
        (thing("CustomResourceDefinition", says("NamesAccepted", "False")), "Degraded"),
        (thing("Application", {"health": {"status": "Degraded"}}), "Degraded"),
        (
            thing("Application", {"health": {"status": "Healthy"}, "operationState": {"phase": "Running"}}),
            "Progressing",
        ),
        (thing("Application", {}), "Progressing"),
        (
            thing(
                "Gateway",
                {"conditions": [{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "True"}]},
            ),
            "Healthy",
        ),
        (thing("Gateway", says("Accepted", "False", reason="Invalid")), "Degraded"),
        (thing("Gateway", {}), "Progressing"),
        (thing("HTTPRoute", {"parents": []}, {"parentRefs": [{"name": "web"}]}), "Progressing"),
        (
            thing(
                "HTTPRoute",
                {
                    "parents": [
                        {
                            "conditions": [
                                {"type": "Accepted", "status": "True"},
                                {"type": "ResolvedRefs", "status": "False"},
                            ]
                        }
                    ]
                },
                {"parentRefs": [{"name": "web"}]},
            ),
            "Degraded",
        ),
        (
            thing(
                "HTTPRoute",
                {"parents": [{"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 1}]}]},
                {"parentRefs": [{"name": "web"}]},
            ),
            "Progressing",
        ),
        (thing("Canary", {**SEEN, **says("Ready")}), "Healthy"),
        (thing("Canary", {**SEEN, **says("Stalled", message="bad metric")}), "Degraded"),
        (thing("Canary", {**SEEN, **says("Ready", "False")}), "Progressing"),
        (thing("Canary", {"observedGeneration": 1, **says("Ready")}), "Progressing"),
        (thing("Deployment", {"observedGeneration": "often"}), "Unknown"),
    ],
)
def test_health(live: dict[str, Any], want: str | None) -> None:
    found = health_of(live, NOW)
    assert (found.status if found else None) == want
    assert found is None or found.status == "Healthy" or found.message or live["kind"] in ("Job", "Application")


@pytest.mark.parametrize(
    ("looked_at", "want"),
    [
        pytest.param({"template": {"generation": 1}}, "Progressing", id="the newest change may be a release"),
        pytest.param({"template": {"generation": 2}}, "Degraded", id="it speaks of the newest change"),
        pytest.param({}, "Degraded", id="an older operator is taken at its word"),
    ],
)
def test_a_canary_speaks_of_a_change_of_its_deployment_once_its_operator_has_looked_at_it(
    looked_at: dict[str, Any], want: str
) -> None:
    status = {**SEEN, **says("Stalled", message="rolled back: errors"), **looked_at}
    canary = thing("Canary", status, {"targetRef": {"name": "x"}})
    told = healths_of([thing("Deployment", ROLLED, {"replicas": 2}), canary], NOW)
    assert [one.status for one in told.values() if one] == ["Healthy", want]


def test_an_application_is_as_well_as_its_worst_object() -> None:
    live = [thing("Deployment", ROLLED, {"replicas": 2}), thing("Ingress", {}), thing("ConfigMap")]
    assert of_application([health_of(one, NOW) for one in live], live=3, wanted=3) == "Progressing"


def test_missing_counts_only_when_nothing_is_live() -> None:
    assert of_application([], live=0, wanted=2) == "Missing"
    assert of_application([None], live=1, wanted=2) == "Healthy"
    assert of_application([], live=0, wanted=0) == "Healthy"


def route(age_s: float, reason: str = "BackendNotFound", type_: str = "ResolvedRefs") -> dict[str, Any]:
    since = (NOW - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = {"Accepted": {"status": "True"}, "ResolvedRefs": {"status": "True"}}
    conditions[type_] = {"status": "False", "reason": reason, "lastTransitionTime": since}
    parent = {"conditions": [{"type": name, **fields} for name, fields in conditions.items()]}
    return thing("HTTPRoute", {"parents": [parent]}, {"parentRefs": [{"name": "web"}]})


def test_a_route_whose_backend_is_not_seen_yet_is_degraded_only_when_that_lasts() -> None:
    young, old = health_of(route(age_s=5), NOW), health_of(route(age_s=31), NOW)
    assert young is not None
    assert (young.status, young.until) == ("Progressing", NOW + timedelta(seconds=25))
    assert "BackendNotFound" in young.message
    assert old is not None
    assert (old.status, old.until) == ("Degraded", None)


def test_a_route_that_its_gateway_refuses_is_degraded_at_once() -> None:
    found = health_of(route(age_s=0, reason="NoMatchingListenerHostname", type_="Accepted"), NOW)
    assert found is not None
    assert found.status == "Degraded"


def test_a_deployment_says_why_its_pods_cannot_be_made() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": "pods are forbidden: exceeded quota"}
    status = {**SEEN, "replicas": 0, "conditions": [failure]}
    found = health_of(thing("Deployment", status, {"replicas": 2}), NOW)
    assert found is not None
    assert found.status == "Progressing"
    assert found.message == "0 of 2 replicas have the new template: pods are forbidden: exceeded quota"


def test_an_application_within_another_says_which_of_its_objects_is_to_blame() -> None:
    blamed = {"kind": "Canary", "name": "web", "health": {"status": "Degraded", "message": "rolled back: errors"}}
    well = {"kind": "Service", "name": "web", "health": {"status": "Healthy"}}
    found = health_of(thing("Application", {"health": {"status": "Degraded"}, "resources": [well, blamed]}), NOW)
    assert found is not None
    assert (found.status, found.message) == ("Degraded", "Canary web: rolled back: errors")
