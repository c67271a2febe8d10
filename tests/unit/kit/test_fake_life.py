"""The fake's objects over time: deletion with finalizers and owners, watches, patches, faults."""

import asyncio
from typing import Any

import pytest

from operators.kit.errors import Conflict, Gone, Unavailable
from operators.kit.kube import Manifest, Ref, WatchEvent
from operators.kit.testing import FakeKubeApi

C = Ref("", "ConfigMap", "default", "c")


def config(name: str = "c", **metadata: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default", **metadata}}


def owned_by(owner: Manifest) -> list[Manifest]:
    return [
        {"apiVersion": "v1", "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    ]


async def test_create_refuses_what_exists_and_replace_an_older_state() -> None:
    api = FakeKubeApi()
    first = await api.create(config())
    with pytest.raises(Conflict, match="already exists"):
        await api.create(config())
    await api.patch(C, {"data": {"a": "1"}})
    with pytest.raises(Conflict, match="modified"):
        await api.replace(first)


async def test_deletion_waits_for_finalizers() -> None:
    api = FakeKubeApi()
    await api.create(config(finalizers=["example.org/hold"]))
    assert await api.delete(C)
    held = await api.get(C)
    assert held is not None
    assert "deletionTimestamp" in held["metadata"]
    await api.patch(C, {"metadata": {"finalizers": None}})
    assert await api.get(C) is None
    assert not await api.delete(C)


async def test_preconditions_of_a_deletion() -> None:
    api = FakeKubeApi()
    made = await api.create(config())
    with pytest.raises(Conflict):
        await api.delete(C, uid="another")
    with pytest.raises(Conflict):
        await api.delete(C, resource_version="1")
    assert await api.delete(C, uid=made["metadata"]["uid"], resource_version=made["metadata"]["resourceVersion"])


async def test_dependents_go_with_their_owner_or_are_orphaned() -> None:
    api = FakeKubeApi()
    owner = await api.create(config("owner"))
    await api.create(config("child", ownerReferences=owned_by(owner)))
    await api.delete(Ref.of(owner))
    assert await api.get(Ref.of(config("child"))) is None

    owner = await api.create(config("owner"))
    await api.create(config("child", ownerReferences=owned_by(owner)))
    await api.delete(Ref.of(owner), propagation="Orphan")
    child = await api.get(Ref.of(config("child")))
    assert child is not None
    assert child["metadata"]["ownerReferences"] == []


async def test_foreground_deletion_waits_for_a_dependent_that_is_held() -> None:
    api = FakeKubeApi()
    owner = await api.create(config("owner"))
    await api.create(config("child", ownerReferences=owned_by(owner), finalizers=["example.org/hold"]))
    await api.delete(Ref.of(owner), propagation="Foreground")
    assert await api.get(Ref.of(owner)) is not None
    await api.patch(Ref.of(config("child")), {"metadata": {"finalizers": []}})
    assert await api.get(Ref.of(owner)) is None


async def test_a_namespace_takes_its_objects_along() -> None:
    api = FakeKubeApi(namespaces=["default", "other"])
    for number in range(300):
        await api.create(config(f"c{number}"))
    await api.delete(Ref("", "Namespace", "", "default"))
    assert (await api.list("", "v1", "ConfigMap")).items == ()
    assert [n["metadata"]["name"] for n in (await api.list("", "v1", "Namespace")).items] == ["other"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=a", ["one"]),
        ("app!=a", ["three", "two"]),
        ("app", ["one", "two"]),
        ("!app", ["three"]),
        ("app in (a, b),tier=x", ["two"]),
        ("app notin (a)", ["three", "two"]),
    ],
)
async def test_label_selectors(selector: str, names: list[str]) -> None:
    api = FakeKubeApi()
    api.seed(config("one", labels={"app": "a"}), config("two", labels={"app": "b", "tier": "x"}), config("three"))
    found = await api.list("", "v1", "ConfigMap", label_selector=selector)
    assert [item["metadata"]["name"] for item in found.items] == names


async def test_json_patch_guards_with_test() -> None:
    api = FakeKubeApi()
    await api.create({**config(), "data": {"a": "1"}})
    guarded = [{"op": "test", "path": "/data/a", "value": "2"}, {"op": "remove", "path": "/data/a"}]
    with pytest.raises(Conflict):
        await api.patch(C, guarded, kind="json")
    after = await api.patch(C, [{"op": "replace", "path": "/data/a", "value": "2"}], kind="json")
    assert after["data"] == {"a": "2"}


async def collect(api: FakeKubeApi, resource_version: str, number: int) -> list[tuple[str, str]]:
    events: list[WatchEvent] = []
    async for event in api.watch("", "v1", "ConfigMap", resource_version=resource_version):
        events.append(event)
        if len(events) == number:
            break
    return [(event.type, event.object["metadata"]["name"]) for event in events]


async def test_a_watch_replays_from_a_version_and_goes_on() -> None:
    api = FakeKubeApi()
    await api.create(config("before"))
    listed = await api.list("", "v1", "ConfigMap")
    await api.create(config("missed"))
    watching = asyncio.create_task(collect(api, listed.resource_version, 4))
    await asyncio.sleep(0)
    await api.patch(Ref.of(config("missed")), {"data": {"a": "1"}})
    await api.delete(Ref.of(config("missed")))
    await api.create(config("late"))
    assert await watching == [("ADDED", "missed"), ("MODIFIED", "missed"), ("DELETED", "missed"), ("ADDED", "late")]


async def test_a_watch_from_a_compacted_version_is_gone_and_a_cut_one_ends() -> None:
    api = FakeKubeApi()
    version = (await api.list("", "v1", "ConfigMap")).resource_version
    watching = asyncio.create_task(collect(api, version, 1))
    await asyncio.sleep(0.01)
    api.store.cut()
    assert await watching == []
    api.store.compact()
    with pytest.raises(Gone):
        await collect(api, version, 1)


async def test_faults_hit_the_matching_calls_before_or_after_they_take_effect() -> None:
    api = FakeKubeApi()
    down = Unavailable(503, "ServiceUnavailable", "down")
    api.faults.add(lambda call: call.verb == "create" and call.ref.name == "c", down, times=1)
    with pytest.raises(Unavailable):
        await api.create(config())
    assert await api.get(C) is None
    api.faults.add(lambda call: call.verb == "create", down, after=True)
    with pytest.raises(Unavailable):
        await api.create(config())
    assert await api.get(C) is not None
    assert [str(call) for call in api.writes] == ["create ConfigMap default/c", "create ConfigMap default/c"]


async def test_a_version_that_is_not_served_does_not_make_an_object_gone() -> None:
    api = FakeKubeApi()
    old = Ref("example.org", "Widget", "default", "w", "v1beta1")
    assert not await api.delete(old)
    api.discovery_complete = False
    with pytest.raises(Unavailable):
        await api.delete(old)
    api.kinds.add("example.org", "v1", "Widget")
    api.seed({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"}})
    assert await api.delete(old)
    assert not await api.delete(old)
