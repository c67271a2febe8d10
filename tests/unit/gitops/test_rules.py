"""The small pure rules, row by row: marks, order, options, waits, settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from operators.gitops import durations, retry, tracking, waves
from operators.gitops.migration import patch
from operators.gitops.models import Backoff, Operation, OperationState, Retry, SyncOperation, parse, unserved
from operators.gitops.options import SYNC_OPTIONS, Options
from operators.gitops.scrub import scrub, secret_values
from operators.gitops.settings import Settings
from operators.kit.errors import Invalid
from operators.kit.kube import Ref
from tests.support.gitops_world import application, config, deployment, manifest

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mark", "ref", "owner"),
    [
        ("web:/ConfigMap:shop/a", Ref("", "ConfigMap", "shop", "a"), "web"),
        ("web:apps/Deployment:shop/a", Ref("apps", "Deployment", "shop", "a"), "web"),
        ("web:apps/Deployment:shop/a", Ref("apps", "ReplicaSet", "shop", "a"), ""),
        ("web:apps/Deployment:shop/a", Ref("apps", "Deployment", "other", "a"), ""),
        ("web:apps/Deployment:shop/a", Ref("apps", "Deployment", "shop", "b"), ""),
        ("web:/Namespace:shop/x", Ref("", "Namespace", "", "x"), "web"),
        (
            "web:rbac.authorization.k8s.io/Role:shop/system:x",
            Ref("rbac.authorization.k8s.io", "Role", "shop", "system:x"),
            "web",
        ),
        ("web", Ref("", "ConfigMap", "shop", "a"), ""),
        ("", Ref("", "ConfigMap", "shop", "a"), ""),
    ],
)
def test_an_object_belongs_to_whom_its_own_mark_names(mark: str, ref: Ref, owner: str) -> None:
    live = manifest(ref.kind, ref.name, api_version=ref.api_version, annotations={tracking.ANNOTATION: mark})
    if ref.namespace:
        live["metadata"]["namespace"] = ref.namespace
    assert tracking.owner_of(live) == owner


def test_a_mark_names_the_destination_for_objects_without_a_namespace() -> None:
    assert tracking.tracking_id("web", Ref("", "Namespace", "", "x"), "shop") == "web:/Namespace:shop/x"


def test_waves_come_first_then_kinds_then_names() -> None:
    given = [
        deployment("web"),
        config("b"),
        config("a"),
        manifest("Namespace", "shop"),
        config("last", wave=5),
        deployment("first", wave=-5),
        manifest("Thing", "one", api_version="example.com/v1"),
        config("odd", annotations={waves.ANNOTATION: "soon"}),
    ]
    grouped = waves.in_waves(given)
    assert [(wave, [one["metadata"]["name"] for one in group]) for wave, group in grouped] == [
        (-5, ["first"]),
        (0, ["shop", "a", "b", "odd", "web", "one"]),
        (5, ["last"]),
    ]


@pytest.mark.parametrize(
    ("general", "own", "kind", "answer"),
    [
        ([], "", "ConfigMap", "true"),
        ([], "Prune=false", "ConfigMap", "false"),
        (["Prune=confirm"], "", "ConfigMap", "confirm"),
        (["Prune=false"], "Prune=true", "ConfigMap", "true"),
        ([], "", "Namespace", "confirm"),
        ([], "Prune=true", "Namespace", "true"),
        (["Prune=false"], "", "PersistentVolumeClaim", "false"),
    ],
)
def test_who_may_prune(general: list[str], own: str, kind: str, answer: str) -> None:
    live = manifest(kind, "x", annotations={SYNC_OPTIONS: own})
    assert Options.of(general).deletion("Prune", live) == answer


def test_the_more_special_option_wins() -> None:
    options = Options.of(["Replace=true", "Validate=true"], ["Validate=false"])
    assert options.has("Replace")
    assert not options.has("Replace", config("a", options="Replace=false"))
    assert not options.has("Validate")
    assert Options.of(["Nonsense=1"]).unknown() == ["Nonsense"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("1m30s", 90), ("2h", 7200), ("10", 10), ("1.5s", 1.5), ("100ms", 0.1), ("", 7)]
)
def test_durations_as_go_writes_them(text: str, seconds: float) -> None:
    assert durations.parse(text, timedelta(seconds=7)) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["soon", "5 s", "5x", "-5s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        durations.parse(text, timedelta(0))


def test_retries_wait_5_10_20_and_at_most_180_seconds() -> None:
    waits = [retry.wait_before(Retry(limit=9), number).total_seconds() for number in range(1, 9)]
    assert waits == [5, 10, 20, 40, 80, 160, 180, 180]


def test_a_retry_policy_of_its_own_is_kept_to() -> None:
    policy = Retry(limit=3, backoff=Backoff(duration="1s", factor=10, max_duration="1m"))
    assert [retry.wait_before(policy, number).total_seconds() for number in (1, 2, 3)] == [1, 10, 60]


@pytest.mark.parametrize(("limit", "count", "again"), [(0, 0, False), (2, 1, True), (2, 2, False), (-1, 99, True)])
def test_how_often_a_sync_is_tried_again(limit: int, count: int, again: bool) -> None:
    state = OperationState(operation=Operation(retry=Retry(limit=limit)), retry_count=count)
    assert retry.may_retry(state) is again


@pytest.mark.parametrize(
    ("attempts", "ago_s", "wait_s"),
    [(0, 0, 0), (1, 0, 2), (1, 1, 1), (2, 0, 6), (3, 10, 8), (7, 0, 300), (7, 331, 0)],
)
def test_repairs_of_drift_that_comes_back_wait(attempts: int, ago_s: float, wait_s: float) -> None:
    sync = SyncOperation(auto_heal_attempts_count=attempts)
    last = OperationState(operation=Operation(sync=sync), finished_at=NOW - timedelta(seconds=ago_s))
    assert retry.heal_wait(last, NOW)[1] == timedelta(seconds=wait_s)


def test_secret_values_are_blotted_out_written_and_decoded() -> None:
    secrets = [manifest("Secret", "s", data={"password": "aHVudGVyMg=="}, stringData={"token": "abcd1234"})]
    values = secret_values(secrets)
    assert scrub("hunter2 aHVudGVyMg== abcd1234 other", config("a"), values) == "*** *** *** other"
    assert "quote" in scrub("hunter2", secrets[0], values)
    assert scrub("two\nlines", config("a")) == "two lines"


def test_an_application_keeps_fields_nobody_knows() -> None:
    spec = {**application()["spec"], "future": {"x": 1}}
    app = parse({**application(), "spec": spec})
    assert app.spec.wire() == spec
    assert [entry.message for entry in unserved(app)] == ["spec.future is not served yet by this engine: remove it"]


def test_lists_written_as_null_are_empty() -> None:
    app = parse({**application(), "status": {"conditions": None, "resources": None, "history": None}})
    assert app.status.conditions == ()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"source": {"helm": {"valueFiles": "values.yaml"}}}, "spec.source.helm.valueFiles"),
        ({"syncPolicy": {"retry": {"limit": "many"}}}, "spec.syncPolicy.retry.limit"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse({**application(), "spec": spec})
    assert refused.value.field == field


def test_settings_come_from_the_environment() -> None:
    read = Settings.from_environment(
        {
            "GITOPS_PROJECTS": "default, team",
            "GITOPS_DESTINATION_NAMESPACES": "shop,hub-*",
            "GITOPS_CLUSTER_OBJECTS": "false",
            "GITOPS_CACHE_DIR": "/var/x",
            "GITOPS_POLL_S": "30",
            "POD_NAMESPACE": "gitops",
        }
    )
    assert read.projects == {"default", "team"}
    assert read.destination_namespaces == ("shop", "hub-*")
    assert read.cluster_objects is False
    assert read.cache_dir == Path("/var/x")
    assert (read.poll_s, read.namespace) == (30.0, "gitops")


@pytest.mark.parametrize("wrong", [{"GITOPS_PORT": "http"}, {"GITOPS_CLUSTER_OBJECTS": "perhaps"}])
def test_a_setting_that_cannot_be_read_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings.from_environment(wrong)


def test_client_side_fields_are_joined_into_ours() -> None:
    entries = [
        {"manager": "kubectl-client-side-apply", "operation": "Update", "fieldsV1": {"f:data": {"f:old": {}}}},
        {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": {"f:data": {"f:new": {}}}},
        {"manager": "other", "operation": "Update", "fieldsV1": {"f:data": {"f:x": {}}}},
    ]
    present = config("a")
    present["metadata"].update(resourceVersion="7", managedFields=entries)
    operations = patch(present, "kubectl-client-side-apply", "argocd-controller")
    assert operations is not None
    assert operations[0] == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    assert operations[1]["value"] == [entries[2], {**entries[1], "fieldsV1": {"f:data": {"f:new": {}, "f:old": {}}}}]
    present["metadata"]["managedFields"] = entries[1:]
    assert patch(present, "kubectl-client-side-apply", "argocd-controller") is None


@pytest.mark.parametrize("text", ["99999999999999999999", "9" * 5000, "9" * 400 + "h", "9" * 20 + "h", "²"])
def test_a_duration_longer_than_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"longer time|not a duration|Exceeds the limit"):
        durations.parse(text, timedelta())
