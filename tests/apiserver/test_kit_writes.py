"""Writes on the real API server: what counts as a change, who conflicts with whom, what a precondition guards."""

import asyncio
from typing import Any

import pytest

from operators.kit.errors import ApiError, Conflict, NotFound, Unavailable
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing import FakeKubeApi
from tests.apiserver.conftest import Serve


def config(namespace: str, data: dict[str, str] | None = None, **metadata: Any) -> Manifest:
    metadata = {"name": "c", "namespace": namespace, **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {}}


def deployment(namespace: str, replicas: int) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    }


async def test_an_apply_that_changes_nothing_does_not_move_the_resource_version(
    api: KubernetesApi, namespace: str
) -> None:
    first = await api.apply(config(namespace, {"a": "1"}), field_manager="m")
    again = await api.apply(config(namespace, {"a": "1"}), field_manager="m", force=True)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_what_is_no_longer_applied_goes_and_what_others_set_stays(api: KubernetesApi, namespace: str) -> None:
    await api.apply(config(namespace, {"a": "1", "b": "1"}), field_manager="m")
    await api.patch(Ref.of(config(namespace)), {"data": {"theirs": "1"}}, field_manager="kubectl")
    after = await api.apply(config(namespace, {"b": "1"}), field_manager="m")
    assert after["data"] == {"b": "1", "theirs": "1"}


async def test_a_dry_run_tells_the_result_and_writes_nothing(api: KubernetesApi, namespace: str) -> None:
    would = await api.apply(deployment(namespace, 1), field_manager="m", dry_run=True)
    assert would["spec"]["strategy"]["type"] == "RollingUpdate"
    assert await api.get(Ref.of(would)) is None


async def test_a_conflict_names_the_other_manager_and_force_takes_the_field(api: KubernetesApi, namespace: str) -> None:
    web = Ref.of(await api.apply(deployment(namespace, 0), field_manager="m"))
    await api.patch(web, {"spec": {"replicas": 3}}, field_manager="autoscaler")
    with pytest.raises(Conflict, match=r'"autoscaler".*\.spec\.replicas'):
        await api.apply(deployment(namespace, 0), field_manager="m")
    taken = await api.apply(deployment(namespace, 0), field_manager="m", force=True)
    assert taken["spec"]["replicas"] == 0


async def test_the_same_manager_names_its_field_sets_as_the_fake_does(api: KubernetesApi, namespace: str) -> None:
    fake = FakeKubeApi(namespaces=[namespace])
    for manifest in (config(namespace, {"a": "1"}, labels={"x": "y"}), deployment(namespace, 2)):
        real = (await api.apply(manifest, field_manager="m"))["metadata"]["managedFields"][0]
        faked = (await fake.apply(manifest, field_manager="m"))["metadata"]["managedFields"][0]
        assert faked["fieldsV1"] == real["fieldsV1"]


async def test_creating_what_exists_and_replacing_an_older_state_conflict(api: KubernetesApi, namespace: str) -> None:
    first = await api.create(config(namespace, {"a": "1"}), field_manager="m")
    with pytest.raises(Conflict, match="already exists"):
        await api.create(config(namespace))
    await api.patch(Ref.of(first), {"data": {"a": "2"}})
    with pytest.raises(Conflict, match="modified"):
        await api.replace({**first, "data": {"a": "3"}})


async def test_a_json_patch_whose_test_fails_is_a_conflict(api: KubernetesApi, namespace: str) -> None:
    ref = Ref.of(await api.create(config(namespace, {"a": "1"})))
    guarded = [
        {"op": "test", "path": "/data/a", "value": "other"},
        {"op": "replace", "path": "/data/a", "value": "2"},
    ]
    with pytest.raises(Conflict):
        await api.patch(ref, guarded, kind="json")
    guarded[0]["value"] = "1"
    assert (await api.patch(ref, guarded, kind="json"))["data"] == {"a": "2"}


async def test_preconditions_guard_a_deletion(api: KubernetesApi, namespace: str) -> None:
    made = await api.create(config(namespace))
    ref = Ref.of(made)
    with pytest.raises(Conflict, match="UID"):
        await api.delete(ref, uid="somebody-else")
    with pytest.raises(Conflict):
        await api.delete(ref, resource_version="1")
    assert await api.delete(ref, uid=made["metadata"]["uid"], resource_version=made["metadata"]["resourceVersion"])
    assert not await api.delete(ref)


async def test_status_is_written_by_its_subresource_only(api: KubernetesApi, namespace: str) -> None:
    web = Ref.of(await api.apply(deployment(namespace, 0), field_manager="m"))
    await api.patch(web, {"status": {"observedGeneration": 77}})
    after = await api.patch(
        web,
        {"status": {"conditions": [{"type": "Probed", "status": "True", "reason": "Test", "message": ""}]}},
        subresource="status",
    )
    assert after["status"].get("observedGeneration") != 77
    assert "Probed" in str(after["status"]["conditions"])


async def test_a_manifest_that_does_not_fit_is_the_users_error_and_names_the_field(
    api: KubernetesApi, namespace: str
) -> None:
    for manifest, complaint in (
        ({**config(namespace), "dat": {}}, r"\.dat: field not declared"),
        ({**deployment(namespace, 0), "spec": {"replicas": "many"}}, r"\.spec\.replicas: expected numeric"),
    ):
        with pytest.raises(ApiError, match=complaint) as raised:
            await api.apply(manifest, field_manager="m")
        assert (raised.value.status, raised.value.reason) == (422, "Invalid")


async def test_a_wrong_secret_is_refused_without_its_value(api: KubernetesApi, namespace: str) -> None:
    secret = {**config(namespace), "kind": "Secret", "stringData": {"p": 424242}}
    del secret["data"]
    with pytest.raises(ApiError) as raised:
        await api.apply(secret, field_manager="m")
    assert ".stringData.p" in str(raised.value)
    assert "424242" not in str(raised.value)


async def test_a_kind_or_namespace_that_is_not_there(api: KubernetesApi) -> None:
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"}}
    assert await api.get(Ref.of(widget)) is None
    assert not await api.delete(Ref.of(widget))
    with pytest.raises(NotFound, match='no matches for kind "Widget"'):
        await api.apply(widget, field_manager="m")
    with pytest.raises(NotFound, match='namespaces "away" not found'):
        await api.apply(config("away"), field_manager="m")


@pytest.mark.parametrize("is_cached", [True, False], ids=["discovery is older", "discovery knows"])
async def test_a_version_that_is_no_longer_served_does_not_make_an_object_gone(
    api: KubernetesApi, namespace: str, serve: Serve, *, is_cached: bool
) -> None:
    group = f"{namespace}.example.org"
    await serve(sprocket(group, is_old_served=True))
    old = Ref(group, "Sprocket", namespace, "s", "v1beta1")
    manifest = {"apiVersion": f"{group}/v1", "kind": "Sprocket", "metadata": {"name": "s", "namespace": namespace}}
    await api.apply(manifest, field_manager="m")
    assert await api.get(old) is not None
    await api.apply(sprocket(group, is_old_served=False), field_manager="test")
    async with asyncio.timeout(60):
        # Served until here says the API server, not what this client has remembered.
        while await api.get(old) is not None:
            await asyncio.sleep(0.05)
        while not is_cached and old.version in str((await api.discover(fresh=True)).api_versions):
            await asyncio.sleep(0.05)
        assert await deleted(api, old)
    assert await api.get(Ref.of(manifest)) is None
    assert not await deleted(api, old)


def sprocket(group: str, *, is_old_served: bool) -> Manifest:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [
        {"name": "v1", "served": True, "storage": True, "schema": schema},
        {"name": "v1beta1", "served": is_old_served, "storage": False, "schema": schema},
    ]
    names = {"kind": "Sprocket", "plural": "sprockets"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"sprockets.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": versions},
    }


async def deleted(api: KubernetesApi, ref: Ref) -> bool:
    """Delete as the engine does: what cannot be told now is asked again."""
    while True:
        try:
            return await api.delete(ref)
        except Unavailable:
            await asyncio.sleep(0.05)


async def test_a_list_of_a_thousand_comes_whole_and_with_kinds(api: KubernetesApi, namespace: str) -> None:
    made = (config(namespace, name=f"c{number}", labels={"half": str(number % 2)}) for number in range(1001))
    await asyncio.gather(*(api.create(manifest) for manifest in made))
    listed = await api.list("", "v1", "ConfigMap", namespace=namespace, label_selector="half in (0,1)")
    assert len(listed.items) == 1001
    assert {(item["apiVersion"], item["kind"]) for item in listed.items} == {("v1", "ConfigMap")}
    half = await api.list("", "v1", "ConfigMap", namespace=namespace, label_selector="half=1")
    assert len(half.items) == 500
