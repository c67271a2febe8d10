"""The fake's server-side apply: who owns what, what goes when it is no longer applied, and when nothing is written."""

from datetime import UTC, datetime
from typing import Any

import pytest

from operators.kit.errors import Conflict, NotFound
from operators.kit.kube import Manifest, Ref
from operators.kit.testing import FakeKubeApi

WEB = Ref("apps", "Deployment", "default", "web")


def config(data: dict[str, str], **metadata: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "default", **metadata},
        "data": data,
    }


def deployment(*containers: dict[str, Any], replicas: int | None = None) -> Manifest:
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"spec": {"containers": list(containers)}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": spec,
    }


async def test_the_applying_manager_owns_what_it_applied_as_fields_v1() -> None:
    api = FakeKubeApi(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    applied = await api.apply(deployment({"name": "a", "image": "x"}, replicas=2), field_manager="m")
    assert applied["metadata"]["managedFields"] == [
        {
            "manager": "m",
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:spec": {
                    "f:replicas": {},
                    "f:selector": {},
                    "f:template": {
                        "f:spec": {"f:containers": {'k:{"name":"a"}': {".": {}, "f:image": {}, "f:name": {}}}}
                    },
                }
            },
        }
    ]


async def test_applying_the_same_again_writes_nothing() -> None:
    api = FakeKubeApi()
    first = await api.apply(config({"a": "1"}), field_manager="m")
    assert await api.apply(config({"a": "1"}), field_manager="m") == first


async def test_a_field_no_longer_applied_goes_and_one_of_somebody_else_stays() -> None:
    api = FakeKubeApi()
    await api.apply(config({"a": "1", "b": "1"}, labels={"x": "1"}), field_manager="m")
    await api.patch(Ref("", "ConfigMap", "default", "c"), {"data": {"theirs": "1"}}, field_manager="kubectl")
    after = await api.apply(config({"b": "1"}), field_manager="m")
    assert after["data"] == {"b": "1", "theirs": "1"}
    assert "labels" not in after["metadata"]


async def test_a_list_item_no_longer_applied_goes_and_a_sidecar_stays() -> None:
    api = FakeKubeApi()
    await api.apply(deployment({"name": "a", "image": "x"}, {"name": "b", "image": "x"}), field_manager="m")
    await api.apply(deployment({"name": "sidecar", "image": "y"}), field_manager="injector")
    after = await api.apply(deployment({"name": "b", "image": "x2"}), field_manager="m")
    images = {c["name"]: c["image"] for c in after["spec"]["template"]["spec"]["containers"]}
    assert images == {"b": "x2", "sidecar": "y"}


async def test_another_managers_field_conflicts_unless_forced() -> None:
    api = FakeKubeApi()
    await api.apply(deployment({"name": "a", "image": "x"}, replicas=1), field_manager="m")
    await api.patch(WEB, {"spec": {"replicas": 5}}, field_manager="autoscaler")
    with pytest.raises(Conflict, match=r'conflict with "autoscaler": \.spec\.replicas'):
        await api.apply(deployment({"name": "a", "image": "x"}, replicas=1), field_manager="m")
    forced = await api.apply(deployment({"name": "a", "image": "x"}, replicas=1), field_manager="m", force=True)
    assert forced["spec"]["replicas"] == 1
    assert [entry["manager"] for entry in forced["metadata"]["managedFields"]] == ["m"]


async def test_the_same_value_is_shared_and_outlives_one_owner() -> None:
    api = FakeKubeApi()
    await api.apply(config({"a": "1"}), field_manager="m")
    await api.apply(config({"a": "1"}), field_manager="n")
    assert (await api.apply(config({}), field_manager="m"))["data"] == {"a": "1"}
    assert not (await api.apply(config({}), field_manager="n")).get("data")


async def test_a_dry_run_answers_and_leaves_no_trace() -> None:
    api = FakeKubeApi()
    assert (await api.apply(config({"a": "1"}), field_manager="m", dry_run=True))["data"] == {"a": "1"}
    assert api.find(Ref("", "ConfigMap", "default", "c")) is None
    assert api.writes == []


async def test_generation_counts_specs_and_status_is_a_subresource() -> None:
    api = FakeKubeApi()
    await api.apply(deployment({"name": "a", "image": "x"}), field_manager="m")
    status = await api.patch(WEB, {"status": {"readyReplicas": 1}, "spec": {"replicas": 9}}, subresource="status")
    assert status["status"] == {"readyReplicas": 1}
    assert "replicas" not in status["spec"]
    assert status["metadata"]["generation"] == 1
    changed = await api.apply(deployment({"name": "a", "image": "x2"}), field_manager="m")
    assert changed["metadata"]["generation"] == 2
    assert changed["status"] == {"readyReplicas": 1}


async def test_without_a_status_subresource_status_is_an_ordinary_field() -> None:
    api = FakeKubeApi()
    app = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "a", "namespace": "argocd"},
        "spec": {},
    }
    await api.create(app)
    ref = Ref.of(app)
    after = await api.patch(ref, {"status": {"sync": {"status": "Synced"}}})
    assert after["status"]["sync"]["status"] == "Synced"
    assert after["metadata"]["generation"] == 2
    with pytest.raises(NotFound):
        await api.patch(ref, {"status": {}}, subresource="status")


async def test_a_kind_nobody_serves_and_a_namespace_that_is_not_there() -> None:
    api = FakeKubeApi()
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"}}
    with pytest.raises(NotFound, match='no matches for kind "Widget"'):
        await api.apply(widget, field_manager="m")
    assert await api.get(Ref.of(widget)) is None
    with pytest.raises(NotFound, match='namespaces "away" not found'):
        await api.apply(config({}, namespace="away"), field_manager="m")


async def test_a_crd_serves_its_kind_and_takes_the_objects_along_when_it_goes() -> None:
    api = FakeKubeApi()
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1"}],
        },
    }
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"}}
    await api.apply(crd, field_manager="m")
    await api.apply(widget, field_manager="m")
    assert (await api.discover()).resources[("example.org", "v1", "Widget")].plural == "widgets"
    await api.delete(Ref.of(crd))
    assert await api.get(Ref.of(widget)) is None
