"""What the engine deletes, and above all what it never deletes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from operators.gitops.sources import SourceError
from operators.kit.errors import Forbidden, Unavailable
from operators.kit.kube import Ref
from operators.kit.testing.faults import Call
from tests.support.gitops_world import REPO, World, application, config, deployment, manifest

PRUNE = {"prune": True, "selfHeal": True}
CASCADE = ["resources-finalizer.argocd.argoproj.io"]
APP = Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1")


def deletions(world: World) -> list[Call]:
    return [call for call in world.api.calls if call.verb == "delete" and call.ref.kind != "Application"]


async def synced(world: World, *manifests: Any, **spec: Any) -> None:
    world.git.commit(web=list(manifests))
    await world.create(application(automated=spec.pop("automated", PRUNE), **spec))
    assert world.status()["operationState"]["phase"] == "Succeeded", world.status()


async def approve(world: World) -> None:
    moment = world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    await world.change({"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": moment}}})


async def test_what_left_git_is_pruned_with_its_uid(world: World) -> None:
    await synced(world, config("a"), config("b"))
    await world.push(web=[config("a")])
    assert not world.has("ConfigMap", "b")
    assert all(call.options["uid"] for call in deletions(world))
    assert world.status()["sync"]["status"] == "Synced"
    assert [entry["status"] for entry in world.status()["operationState"]["syncResult"]["resources"]] == [
        "Synced",
        "Pruned",
    ]


async def test_without_prune_it_stays_and_counts_as_a_difference(world: World) -> None:
    await synced(world, config("a"), config("b"), automated={"selfHeal": True})
    await world.push(web=[config("a")])
    assert world.has("ConfigMap", "b")
    assert world.status()["sync"]["status"] == "OutOfSync"
    assert [e.get("requiresPruning") for e in world.status()["resources"] if e["name"] == "b"] == [True]
    state = world.status()["operationState"]
    assert state["syncResult"]["revision"] != world.git.head, "nothing but a prune would be left to do"


async def test_an_object_without_the_mark_is_never_touched(world: World) -> None:
    await synced(world, config("a"))
    await world.api.create(config("free", namespace="shop"))
    await world.push(web=[config("c")])
    assert world.has("ConfigMap", "free")
    assert not world.has("ConfigMap", "a")


async def test_a_copied_mark_is_not_believed(world: World) -> None:
    await synced(world, config("a"))
    copied = {"argocd.argoproj.io/tracking-id": "web:/ConfigMap:shop/a"}
    await world.api.create(config("copy", namespace="shop", annotations=copied))
    await world.push(web=[config("a", "2")])
    assert world.has("ConfigMap", "copy")


async def test_what_another_object_owns_is_left_to_it(world: World) -> None:
    await synced(world, config("a"))
    owned = config(
        "owned", namespace="shop", annotations={"argocd.argoproj.io/tracking-id": "web:/ConfigMap:shop/owned"}
    )
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "1"}]
    world.api.seed(owned)
    await world.push(web=[config("a", "2")])
    assert world.has("ConfigMap", "owned")


async def test_an_empty_render_deletes_nothing(world: World) -> None:
    await synced(world, config("a"))
    await world.push(web=[])
    assert world.has("ConfigMap", "a")
    assert "allowEmpty" in world.conditions()["SyncError"]


async def test_an_empty_render_deletes_everything_where_that_is_allowed(world: World) -> None:
    await synced(world, config("a"), automated={"prune": True, "allowEmpty": True})
    await world.push(web=[])
    assert not world.has("ConfigMap", "a")


async def test_a_sync_by_hand_does_not_wipe_everything_out_either(world: World) -> None:
    await synced(world, config("a"), automated={})
    world.git.commit(web=[])
    await world.engine.repositories.examine(REPO)
    await world.change({"operation": {"sync": {"prune": True}}})
    assert world.has("ConfigMap", "a")
    assert "allowEmpty" in world.status()["operationState"]["message"]


@pytest.mark.parametrize(
    "kept",
    [
        manifest("PersistentVolumeClaim", "data", spec={}),
        manifest("Namespace", "extra"),
        manifest(
            "CustomResourceDefinition",
            "things.example.com",
            api_version="apiextensions.k8s.io/v1",
            spec={
                "group": "example.com",
                "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things"},
                "versions": [{"name": "v1", "served": True, "storage": True}],
            },
        ),
        config("precious", options="Prune=confirm"),
    ],
    ids=lambda kept: kept["kind"],
)
async def test_what_takes_data_along_goes_only_when_a_person_says_so(world: World, kept: Any) -> None:
    await synced(world, config("a"), kept)
    ref = Ref.of(kept)
    namespace = "shop" if kept["kind"] in ("PersistentVolumeClaim", "ConfigMap") else ""
    where = (kept["kind"], ref.name, namespace, ref.group)
    await world.push(web=[config("a")])
    assert world.has(*where)
    assert "deletion-approved" in world.conditions()["PruneConfirmationWarning"]
    assert world.status()["sync"]["status"] == "OutOfSync"
    writes = len(world.api.writes)
    await world.later(hours=1)
    assert len(world.api.writes) == writes, "it waits without a word"
    await approve(world)
    assert not world.has(*where)
    await world.look()
    assert world.conditions() == {}
    assert world.status()["sync"]["status"] == "Synced"


async def test_an_old_approval_does_not_count_for_a_new_question(world: World) -> None:
    await synced(world, config("a"), config("b", options="Prune=confirm"))
    await approve(world)
    await world.later(minutes=1)
    await world.push(web=[config("a")])
    assert world.has("ConfigMap", "b")


async def test_prune_false_keeps_an_object_without_endless_syncs(world: World) -> None:
    await synced(world, config("a"), config("b", options="Prune=false"))
    await world.push(web=[config("a")])
    assert world.has("ConfigMap", "b")
    writes = len(world.api.writes)
    await world.later(hours=1)
    assert len(world.api.writes) == writes


async def test_more_than_the_budget_waits_for_a_person(world: World) -> None:
    await synced(world, config("a"), *(config(f"c{number}") for number in range(25)))
    await world.push(web=[config("a")])
    assert not deletions(world)
    assert "budget" in world.conditions()["PruneConfirmationWarning"]
    await approve(world)
    assert len(deletions(world)) == 25


async def test_pruning_goes_backwards_through_the_waves_and_waits_for_each(world: World) -> None:
    late = config("late", wave=2)
    late["metadata"]["finalizers"] = ["example.com/hold"]
    await synced(world, config("stays"), config("early", wave=1), late)
    await world.push(web=[config("stays")])
    assert [call.ref.name for call in deletions(world)] == ["late"]
    assert world.has("ConfigMap", "early")
    await world.api.patch(Ref("", "ConfigMap", "shop", "late"), {"metadata": {"finalizers": None}})
    await world.settle()
    await world.settle()
    assert [call.ref.name for call in deletions(world)] == ["late", "early"]
    assert world.status()["operationState"]["phase"] == "Succeeded"


async def test_prune_last_waits_until_everything_is_healthy(world: World) -> None:
    policy = {"syncOptions": ["PruneLast=true"]}
    await synced(world, config("old"), policy=policy)
    await world.push(web=[deployment("web")])
    assert world.has("ConfigMap", "old")
    ref = Ref("apps", "Deployment", "shop", "web")
    await world.api.patch(ref, {"status": {"observedGeneration": 1}}, subresource="status")
    await world.settle()
    assert not world.has("ConfigMap", "old")


async def test_the_propagation_policy_is_passed_on(world: World) -> None:
    await synced(world, config("a"), config("b"), policy={"syncOptions": ["PrunePropagationPolicy=background"]})
    await world.push(web=[config("a")])
    assert deletions(world)[0].options["propagation"] == "Background"


# -- freezes -----------------------------------------------------------------------------------------------------------


async def test_a_repository_out_of_reach_freezes_deletion(world: World) -> None:
    await synced(world, config("a"), config("b"))
    world.git.broken = SourceError("out of reach", transient=True)
    world.git.commit(web=[])
    await world.engine.repositories.examine(REPO)
    await world.later(minutes=5)
    assert not deletions(world)
    assert world.has("ConfigMap", "a")


async def test_incomplete_discovery_freezes_deletion_but_not_applying(world: World) -> None:
    await synced(world, config("a"), config("b"))
    world.api.discovery_complete = False
    await world.push(web=[config("a", "2")])
    assert not deletions(world)
    live = world.api.find(Ref("", "ConfigMap", "shop", "a"))
    assert live is not None
    assert live["data"]["value"] == "2"
    assert "nothing is deleted" in world.status()["operationState"]["message"]
    world.api.discovery_complete = True
    await world.later(seconds=5)
    assert not world.has("ConfigMap", "b")


async def test_a_kind_that_cannot_be_read_freezes_deletion(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operators.gitops.live._SYNC_TIMEOUT_S", 0.05)
    await synced(world, config("a"), config("b"), deployment("gone"))
    await world.restart()
    world.api.faults.add(lambda call: call.verb == "list" and call.ref.kind == "Deployment", Forbidden(403, "", "no"))
    await world.push(web=[config("a")])
    assert not deletions(world)


async def test_a_replaced_object_is_not_deleted(world: World) -> None:
    await synced(world, config("a"), config("b"))
    world.api.faults.add(lambda call: call.verb == "watch", Unavailable(503, "", "gone"), times=1)
    live = world.engine.live
    stale = live.get(Ref("", "ConfigMap", "shop", "b"))
    assert stale is not None
    stale["metadata"]["uid"] = "another"
    await world.push(web=[config("a")])
    assert world.has("ConfigMap", "b"), "its uid is not the one that was seen"


async def both(world: World, **folders: Any) -> None:
    world.git.commit(**folders)
    for name in folders:
        await world.create(application(name, automated=PRUNE))


async def test_an_object_that_moves_to_another_application_in_one_push_is_never_deleted(world: World) -> None:
    await both(world, other=[config("o")], web=[config("a"), config("moves")])
    await world.push(web=[config("a")], other=[config("o"), config("moves")])
    assert not deletions(world)
    mark = world.api.find(Ref("", "ConfigMap", "shop", "moves"))
    assert mark is not None
    assert mark["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == "other:/ConfigMap:shop/moves"
    assert [world.status(name)["sync"]["status"] for name in ("web", "other")] == ["Synced", "Synced"]


async def test_pruning_waits_for_an_application_that_has_not_rendered_the_push_yet(world: World) -> None:
    await both(world, other=[config("o")], web=[config("a"), config("moves")])
    render, hold = world.git.render, asyncio.Event()

    async def slow(app: Any, *rest: Any) -> Any:
        if app.name == "other":
            await hold.wait()
        return await render(app, *rest)

    world.git.render = slow  # type: ignore[assignment,method-assign]
    world.git.commit(web=[config("a")], other=[config("moves"), config("o")])
    await world.engine.repositories.examine(REPO, world.git.head)
    await asyncio.sleep(0.1)
    assert "what other wants" in world.status()["operationState"]["message"]
    hold.set()
    await world.settle()
    await world.look()
    assert not deletions(world)
    assert world.status()["sync"]["status"] == "Synced"


async def test_an_object_that_moves_out_of_a_deleted_application_stays(world: World) -> None:
    await both(world, other=[config("o")], web=[config("a"), config("moves")])
    await world.change({"metadata": {"finalizers": CASCADE}})
    await world.change({"spec": {"syncPolicy": {"automated": {"enabled": False}}}}, "other")
    await world.push(other=[config("o"), config("moves")])
    await world.api.delete(APP)
    await world.settle()
    assert not world.has("ConfigMap", "a")
    assert world.has("ConfigMap", "moves")


@pytest.mark.parametrize("owner", ["other", ""])
async def test_an_object_that_was_taken_over_meanwhile_is_not_deleted(world: World, owner: str) -> None:
    await synced(world, config("a"), config("b"))
    get, ref = world.api.get, Ref("", "ConfigMap", "shop", "b")
    mark = {"argocd.argoproj.io/tracking-id": f"{owner}:/ConfigMap:shop/b" if owner else None}

    async def taken_over(wanted: Ref) -> Any:
        if wanted == ref and get is not world.api.get:
            world.api.get = get  # type: ignore[method-assign]
            await world.api.patch(ref, {"metadata": {"annotations": mark}})
        return await get(wanted)

    world.api.get = taken_over  # type: ignore[assignment,method-assign]
    await world.push(web=[config("a")])
    assert world.has("ConfigMap", "b")
    assert world.status()["sync"]["status"] == "Synced"


async def test_an_object_that_changes_while_it_is_deleted_goes_all_the_same(world: World) -> None:
    await synced(world, config("a"), config("b"))
    delete, ref = world.api.delete, Ref("", "ConfigMap", "shop", "b")

    async def written(wanted: Ref, **options: Any) -> bool:
        if world.api.delete is not delete:
            world.api.delete = delete  # type: ignore[method-assign]
            await world.api.patch(ref, {"data": {"more": "x"}})
        return await delete(wanted, **options)

    world.api.delete = written  # type: ignore[assignment,method-assign]
    await world.push(web=[config("a")])
    assert not world.has("ConfigMap", "b")


# -- the end of an Application -----------------------------------------------------------------------------------------


async def test_without_a_finalizer_the_objects_stay(world: World) -> None:
    await synced(world, config("a"))
    await world.api.delete(APP)
    await world.settle()
    assert world.has("ConfigMap", "a")


async def test_with_the_finalizer_they_go_in_reverse_waves_and_then_the_application(world: World) -> None:
    world.git.commit(web=[config("early", wave=1), config("late", wave=2)])
    await world.create(application(automated=PRUNE, finalizers=CASCADE))
    await world.api.delete(APP)
    await world.settle()
    await world.settle()
    assert [call.ref.name for call in deletions(world)] == ["late", "early"]
    assert world.api.find(APP) is None


async def test_a_broken_repository_does_not_keep_an_application_from_going(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=PRUNE, finalizers=CASCADE))
    world.git.broken = SourceError("out of reach", transient=True)
    await world.api.delete(APP)
    await world.settle()
    assert world.api.find(APP) is None
    assert not world.has("ConfigMap", "a")


async def test_what_asks_to_stay_stays(world: World) -> None:
    world.git.commit(web=[config("a"), config("kept", options="Delete=false")])
    await world.create(application(automated=PRUNE, finalizers=CASCADE))
    await world.api.delete(APP)
    await world.settle()
    assert world.api.find(APP) is None
    assert world.has("ConfigMap", "kept")


async def test_a_claim_goes_with_its_application_only_when_approved(world: World) -> None:
    world.git.commit(web=[config("a"), manifest("PersistentVolumeClaim", "data", spec={})])
    await world.create(application(automated=PRUNE, finalizers=CASCADE))
    await world.api.delete(APP)
    await world.settle()
    assert not world.has("ConfigMap", "a")
    assert world.has("PersistentVolumeClaim", "data")
    assert "deletion-approved" in world.conditions()["DeletionError"]
    await approve(world)
    assert not world.has("PersistentVolumeClaim", "data")
    assert world.api.find(APP) is None


async def test_incomplete_discovery_keeps_a_deleted_application_and_its_objects(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=PRUNE, finalizers=CASCADE))
    world.api.discovery_complete = False
    await world.api.delete(APP)
    await world.settle()
    assert world.has("ConfigMap", "a")
    assert world.api.find(APP) is not None


async def test_a_finalizer_of_others_is_not_ours_to_take(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=PRUNE, finalizers=["example.com/other"]))
    await world.api.delete(APP)
    await world.settle()
    assert world.app()["metadata"]["finalizers"] == ["example.com/other"]
    assert world.has("ConfigMap", "a")


@pytest.mark.parametrize("hook", ["pre-delete-finalizer", "post-delete-finalizer", "post-delete-finalizer/cleanup"])
async def test_a_finalizer_of_deletion_hooks_is_named_and_nothing_goes_before_it(world: World, hook: str) -> None:
    name, _, rest = hook.partition("/")
    finalizer = f"{name}.argocd.argoproj.io{'/' * bool(rest)}{rest}"
    await synced(world, config("a"), finalizers=[*CASCADE, finalizer])
    await world.api.delete(APP)
    await world.settle()
    assert finalizer in world.conditions()["DeletionError"]
    assert world.has("ConfigMap", "a")
    await world.change({"metadata": {"finalizers": CASCADE}})
    assert not world.has("ConfigMap", "a")


async def test_skip_reconcile_holds_back_deletion_too(world: World) -> None:
    await synced(world, config("a"), finalizers=CASCADE)
    skip = "argocd.argoproj.io/skip-reconcile"
    await world.change({"metadata": {"annotations": {skip: "true"}}})
    await world.api.delete(APP)
    await world.settle()
    assert world.has("ConfigMap", "a")
    await world.change({"metadata": {"annotations": {skip: None}}})
    assert not world.has("ConfigMap", "a")
