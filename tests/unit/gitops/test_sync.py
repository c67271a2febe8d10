"""When the engine syncs, what it writes, and what it says: row by row as Argo CD's users know it."""

from __future__ import annotations

from typing import Any

import pytest

from operators.gitops.sources import SourceError
from operators.kit.errors import ApiError, Unavailable
from operators.kit.kube import Ref
from operators.kit.testing.faults import Call
from tests.support.gitops_world import World, application, config, deployment, manifest

HEAL = {"prune": True, "selfHeal": True}
CONFIG_A = Ref("", "ConfigMap", "shop", "a")


def refuse_apply(name: str) -> tuple[Any, ApiError]:
    error = ApiError(422, "Invalid", f"ConfigMap {name} is invalid: data: must be nice")
    return (lambda call: call.verb == "apply" and call.ref.name == name), error


async def edit(world: World, value: str = "edited", name: str = "a") -> None:
    """Change an object behind the engine's back."""
    await world.api.patch(Ref("", "ConfigMap", "shop", name), {"data": {"value": value}}, field_manager="kubectl-edit")


def value(world: World, name: str = "a") -> str:
    found = world.api.find(Ref("", "ConfigMap", "shop", name))
    return found["data"]["value"] if found else "missing"


async def test_automation_applies_what_git_has_and_then_writes_nothing_more(world: World) -> None:
    world.git.commit(web=[config("a"), deployment("web")])
    await world.create(application(automated={}))
    assert world.status()["sync"]["status"] == "Synced"
    assert world.status()["operationState"]["phase"] == "Succeeded"
    assert world.status()["history"][0]["revision"] == world.git.head
    writes = len(world.api.writes)
    await world.later(hours=1)
    assert len(world.api.writes) == writes


async def test_without_automation_the_difference_is_told_and_nothing_is_applied(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application())
    assert world.status()["sync"]["status"] == "OutOfSync"
    assert world.status()["health"]["status"] == "Missing"
    assert not world.has("ConfigMap", "a")


async def test_automation_that_is_not_enabled_applies_nothing(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated={"enabled": False}))
    assert not world.has("ConfigMap", "a")


async def test_a_push_brings_only_the_application_it_touches_a_new_render(world: World) -> None:
    world.git.commit(web=[config("a")], other=[config("o")])
    await world.create(application(automated={}))
    await world.create(application("other", automated={}))
    renders = world.git.renders
    revision = await world.push(web=[config("a", "2")])
    assert value(world) == "2"
    assert world.status()["sync"]["revision"] == revision
    assert world.git.renders == renders + 1
    await world.later(seconds=10)
    assert world.status("other")["sync"]["revision"] == revision
    assert world.status("other")["operationState"]["syncResult"]["revision"] != revision


async def test_an_operation_field_syncs_and_is_taken_away(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application())
    await world.change({"operation": {"initiatedBy": {"username": "ann"}, "sync": {"syncStrategy": {"hook": {}}}}})
    assert world.has("ConfigMap", "a")
    assert "operation" not in world.app()
    assert world.status()["operationState"]["operation"]["initiatedBy"] == {"username": "ann"}


async def test_an_operation_can_go_back_to_an_older_commit(world: World) -> None:
    old = world.git.commit(web=[config("a", "old")])
    world.git.commit(web=[config("a", "new")])
    await world.create(application())
    await world.change({"operation": {"sync": {"revision": old}}})
    assert value(world) == "old"
    assert world.status()["sync"] | {"comparedTo": 0} == {
        "status": "OutOfSync",
        "revision": world.git.head,
        "comparedTo": 0,
    }
    assert world.status()["history"][-1]["revision"] == old


async def test_a_dry_run_writes_nothing(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application())
    await world.change({"operation": {"sync": {"dryRun": True}}})
    assert not world.has("ConfigMap", "a")
    assert world.status()["operationState"]["phase"] == "Succeeded"
    assert "history" not in world.status()


async def test_a_selective_sync_touches_only_what_is_named_and_makes_no_history(world: World) -> None:
    world.git.commit(web=[config("a"), config("b")])
    await world.create(application())
    await world.change({"operation": {"sync": {"resources": [{"kind": "ConfigMap", "name": "b"}]}}})
    assert world.has("ConfigMap", "b")
    assert not world.has("ConfigMap", "a")
    assert "history" not in world.status()


async def test_drift_stays_and_is_told_where_self_heal_is_off(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated={}))
    await edit(world)
    await world.settle()
    assert value(world) == "edited"
    assert world.status()["sync"]["status"] == "OutOfSync"


async def test_self_heal_mends_the_first_drift_at_once_and_only_what_drifted(world: World) -> None:
    world.git.commit(web=[config("a"), config("b")])
    await world.create(application(automated=HEAL))
    await edit(world)
    await world.settle()
    assert value(world) == "1"
    healed = world.status()["operationState"]["operation"]["sync"]
    assert [entry["name"] for entry in healed["resources"]] == ["a"]
    assert healed["autoHealAttemptsCount"] == 1
    assert len(world.status()["history"]) == 1


async def test_self_heal_waits_longer_and_longer_for_drift_that_comes_back(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    for wait_s in (2, 6, 18, 54, 162, 300, 300):
        await edit(world)
        await world.settle()
        if wait_s == 2:
            assert value(world) == "1", "the first repair goes at once"
            await edit(world)
            await world.settle()
        assert value(world) == "edited"
        await world.later(seconds=wait_s - 1)
        assert value(world) == "edited", f"not before {wait_s} s"
        await world.later(seconds=1)
        assert value(world) == "1", f"after {wait_s} s"


async def test_an_object_deleted_by_hand_comes_back(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    await world.api.delete(CONFIG_A)
    await world.settle()
    assert world.has("ConfigMap", "a")


async def test_a_refused_object_keeps_the_whole_sync_from_being_applied(world: World) -> None:
    world.git.commit(web=[config("a"), config("bad")])
    world.api.faults.add(*refuse_apply("bad"))
    await world.create(application(automated={}, policy={"retry": {"limit": 0}}))
    assert not world.has("ConfigMap", "a")
    state = world.status()["operationState"]
    assert state["phase"] == "Failed"
    assert "ConfigMap shop/bad" in state["message"]
    assert "must be nice" in state["message"]
    assert world.conditions()["SyncError"].startswith(f"Failed last sync attempt to {world.git.head}")


async def test_a_failed_commit_is_tried_again_with_growing_waits_and_then_left(world: World) -> None:
    world.git.commit(web=[config("bad")])
    world.api.faults.add(*refuse_apply("bad"))
    retry = {"retry": {"limit": 2, "backoff": {"duration": "10s", "factor": 3, "maxDuration": "1m"}}}
    await world.create(application(automated={}, policy=retry))
    assert world.status()["operationState"]["phase"] == "Running"
    assert world.status()["operationState"]["retryCount"] == 1
    await world.later(seconds=9)
    assert world.status()["operationState"]["retryCount"] == 1
    await world.later(seconds=1)
    assert world.status()["operationState"]["retryCount"] == 2
    await world.later(seconds=30)
    assert world.status()["operationState"]["phase"] == "Failed"
    assert world.status()["operationState"]["message"].endswith("(retried 2 times)")
    writes = len(world.api.writes)
    await world.later(hours=1)
    assert len(world.api.writes) == writes


async def test_a_retry_succeeds_once_the_reason_is_gone(world: World) -> None:
    world.git.commit(web=[config("a")])
    world.api.faults.add(*refuse_apply("a"), times=1)
    await world.create(application(automated={}))
    assert world.status()["operationState"]["retryCount"] == 1
    await world.later(seconds=5)
    assert world.status()["operationState"]["phase"] == "Succeeded"
    assert "finishedAt" in world.status()["operationState"]
    assert "SyncError" not in world.conditions()


async def test_a_fix_does_not_wait_for_the_retries_of_what_it_fixes(world: World) -> None:
    world.git.commit(web=[config("bad")])
    world.api.faults.add(*refuse_apply("bad"))
    await world.create(application(automated={}))
    await world.push(web=[config("a")])
    assert world.has("ConfigMap", "a")
    assert world.status()["operationState"]["phase"] == "Succeeded"


async def test_a_fix_of_the_source_does_not_wait_for_the_retries_of_what_it_fixes(world: World) -> None:
    world.git.commit(web=[config("bad")], good=[config("a")])
    world.api.faults.add(*refuse_apply("bad"))
    await world.create(application(automated={}))
    await world.change({"spec": {"source": {"path": "good"}}})
    assert world.has("ConfigMap", "a")
    assert world.status()["operationState"]["phase"] == "Succeeded"


async def test_a_changed_rule_is_asked_about_anew(world: World) -> None:
    world.git.commit(web=[deployment("web")])
    rule = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
    await world.create(application(automated={}, ignoreDifferences=[rule]))
    ref = Ref("apps", "Deployment", "shop", "web")
    await world.api.patch(ref, {"spec": {"replicas": 3}}, field_manager="somebody")
    await world.settle()
    assert world.status()["sync"]["status"] == "Synced"
    await world.change({"spec": {"ignoreDifferences": [{**rule, "jsonPointers": ["/spec/paused"]}]}})
    assert world.status()["sync"]["status"] == "OutOfSync"


async def test_a_sync_can_be_terminated(world: World) -> None:
    world.git.commit(web=[deployment("first", wave=0), config("second", wave=1)])
    await world.create(application(automated={}))
    assert world.status()["operationState"]["phase"] == "Running"
    await world.change({"status": {"operationState": {"phase": "Terminating"}}})
    assert world.status()["operationState"]["phase"] == "Failed"
    assert world.status()["operationState"]["message"] == "operation terminated"


async def test_the_refresh_annotation_is_answered_and_removed(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated={}))
    world.git.commit(web=[config("a", "2")])
    await world.change({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})
    assert value(world) == "2"
    assert "argocd.argoproj.io/refresh" not in (world.app()["metadata"].get("annotations") or {})


async def test_skip_reconcile_leaves_everything_alone(world: World) -> None:
    world.git.commit(web=[config("a")])
    app = application(automated={})
    app["metadata"]["annotations"] = {"argocd.argoproj.io/skip-reconcile": "true"}
    await world.create(app)
    assert not world.has("ConfigMap", "a")
    assert world.status() == {}


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (SourceError("the repository is out of reach", transient=True), "ComparisonError"),
        (SourceError("spec.source.path: there is no folder web", condition="InvalidSpecError"), "InvalidSpecError"),
    ],
)
async def test_what_cannot_be_rendered_is_told_and_what_runs_stays(
    world: World, error: SourceError, condition: str
) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    world.git.unrenderable = error
    world.git.commit(web=[])
    await world.engine.repositories.examine("https://git.example/platform.git", world.git.head)
    await world.settle()
    assert world.conditions() == {condition: str(error)}
    assert world.status()["sync"]["status"] == "Unknown"
    assert world.status()["health"]["status"] == "Healthy"
    assert world.has("ConfigMap", "a")
    world.git.unrenderable = None
    await world.push(web=[config("a", "2")])
    assert world.conditions() == {}
    assert value(world) == "2"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"project": "payments"}, "spec.project"),
        ({"destination": {"server": "https://other.example", "namespace": "shop"}}, "spec.destination.server"),
        ({"destination": {"name": "other", "namespace": "shop"}}, "spec.destination.name"),
        ({"destination": {"namespace": "shop"}}, "spec.destination"),
        ({"source": {"repoURL": "u", "chart": "redis"}}, "spec.source.chart"),
        ({"source": {"repoURL": "u", "path": "p", "kustomize": {"namePrefix": "x"}}}, "spec.source.kustomize"),
        ({"source": None, "sources": [{"repoURL": "u"}]}, "spec.sources"),
        ({"source": {"path": "p"}}, "spec.source.repoURL"),
        ({"ignoreDifferences": [{"kind": "Pod", "jqPathExpressions": ["["]}]}, "spec.ignoreDifferences[0]"),
        ({"policy": {"retry": {"limit": 1, "backoff": {"duration": "soon"}}}}, "spec.syncPolicy.retry.backoff"),
        ({"revisionHistoryLimit": "many"}, "spec.revisionHistoryLimit"),
    ],
)
async def test_a_bad_application_is_told_which_field_is_wrong(world: World, spec: dict[str, Any], field: str) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated={}, **spec))
    assert world.conditions()["InvalidSpecError"].startswith(field)
    assert not world.has("ConfigMap", "a")


async def test_a_field_nobody_knows_is_named_and_the_rest_is_served(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated={"selfHeel": True}, policy={"syncOptions": ["CreateNamspace=true"]}))
    assert world.has("ConfigMap", "a")
    said = " ".join(entry["message"] for entry in world.status()["conditions"])
    assert "selfHeel" in said
    assert "CreateNamspace" in said


async def test_an_unknown_sync_option_of_an_object_or_of_one_sync_is_named(world: World) -> None:
    world.git.commit(web=[config("a", options="Purne=false"), config("b", options="Purne=false")])
    await world.create(application())
    assert "ConfigMap shop/a and 1 more: sync option Purne" in world.conditions()["UnservedWarning"]
    world.git.commit(web=[config("a")])
    world.api.faults.add(
        lambda call: call.verb == "apply" and not call.options.get("dry_run"), Unavailable(503, "", "")
    )
    await world.change({"operation": {"sync": {"syncOptions": ["ForceAll=true"]}, "retry": {"limit": 3}}})
    assert "operation.sync.syncOptions: ForceAll" in world.conditions()["UnservedWarning"]


async def test_a_hook_that_others_wait_for_stops_the_sync_and_is_named(world: World) -> None:
    hook = manifest("Job", "migrate", api_version="batch/v1", annotations={"helm.sh/hook": "pre-upgrade"})
    world.git.commit(web=[config("a"), hook])
    await world.create(application(automated={}))
    assert not world.has("ConfigMap", "a")
    assert "Job migrate (pre-upgrade)" in world.conditions()["SyncError"]


async def test_a_late_hook_is_left_out_and_named(world: World) -> None:
    hook = manifest("Job", "notify", api_version="batch/v1", annotations={"argocd.argoproj.io/hook": "PostSync"})
    test = manifest("Pod", "check", annotations={"helm.sh/hook": "test"})
    world.git.commit(web=[config("a"), hook, test])
    await world.create(application(automated={}))
    assert world.has("ConfigMap", "a")
    assert not world.has("Job", "notify", group="batch")
    assert list(world.conditions()) == ["UnservedWarning"]


async def test_the_namespace_is_made_where_asked_with_its_metadata(world: World) -> None:
    world.git.commit(web=[config("a")])
    metadata = {"labels": {"team": "web"}, "annotations": {"note": "x"}}
    policy = {"syncOptions": ["CreateNamespace=true"], "managedNamespaceMetadata": metadata}
    await world.create(
        application(automated={}, policy=policy, destination={"name": "in-cluster", "namespace": "fresh"})
    )
    assert world.has("ConfigMap", "a", "fresh")
    made = world.api.find(Ref("", "Namespace", "", "fresh"))
    assert made is not None
    assert made["metadata"]["labels"]["team"] == "web"
    assert world.status()["sync"]["status"] == "Synced"


async def test_a_missing_namespace_is_told_with_the_remedy(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated={}, destination={"name": "in-cluster", "namespace": "nowhere"}))
    assert "CreateNamespace=true" in world.status()["operationState"]["message"]


async def test_a_crd_comes_before_its_objects_in_one_sync(world: World) -> None:
    crd = manifest(
        "CustomResourceDefinition",
        "things.example.com",
        api_version="apiextensions.k8s.io/v1",
        spec={
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {}}}],
        },
    )
    thing = manifest("Thing", "one", api_version="example.com/v1", spec={"size": 1})
    world.git.commit(web=[thing, crd])
    await world.create(application(automated={}))
    assert world.has("Thing", "one", group="example.com")
    assert len(world.status()["operationState"]["syncResult"]["resources"]) == 2
    assert world.status()["sync"]["status"] == "Synced"


async def test_a_kind_nobody_serves_is_told_and_nothing_is_applied(world: World) -> None:
    world.git.commit(web=[config("a"), manifest("Thing", "one", api_version="example.com/v1")])
    await world.create(application(automated={}, policy={"retry": {"limit": 0}}))
    assert not world.has("ConfigMap", "a")
    assert "does not serve example.com/v1 Thing" in world.status()["operationState"]["message"]


async def test_a_wave_waits_until_the_one_before_is_healthy(world: World) -> None:
    world.git.commit(web=[deployment("first", wave=-1), config("second", wave=1)])
    await world.create(application(automated={}))
    assert not world.has("ConfigMap", "second")
    assert "waiting for healthy state of Deployment shop/first" in world.status()["operationState"]["message"]
    ref = Ref("apps", "Deployment", "shop", "first")
    await world.api.patch(ref, {"status": {"observedGeneration": 1}}, subresource="status")
    await world.settle()
    assert world.has("ConfigMap", "second")
    assert world.status()["operationState"]["phase"] == "Succeeded"


async def test_a_degraded_wave_ends_the_sync(world: World) -> None:
    world.git.commit(web=[deployment("first", wave=0), config("second", wave=1)])
    await world.create(application(automated={}, policy={"retry": {"limit": 0}}))
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    status = {"observedGeneration": 1, "conditions": [condition]}
    await world.api.patch(Ref("apps", "Deployment", "shop", "first"), {"status": status}, subresource="status")
    await world.settle()
    assert world.status()["operationState"]["phase"] == "Failed"
    assert "Deployment shop/first is degraded" in world.status()["operationState"]["message"]
    assert not world.has("ConfigMap", "second")


async def test_an_object_of_another_application_is_told_and_refused_where_asked(world: World) -> None:
    world.git.commit(web=[config("a", "mine")], other=[config("a", "theirs")])
    await world.create(application("other", automated={}))
    policy = {"syncOptions": ["FailOnSharedResource=true"], "retry": {"limit": 0}}
    await world.create(application(automated={}, policy=policy))
    assert value(world) == "theirs"
    assert "other" in world.conditions()["SharedResourceWarning"]
    assert "FailOnSharedResource" in world.status()["operationState"]["message"]


async def test_fields_to_ignore_do_not_count_and_are_left_alone_where_asked(world: World) -> None:
    rules = [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]
    world.git.commit(web=[deployment("web")])
    policy = {"syncOptions": ["RespectIgnoreDifferences=true"]}
    await world.create(application(automated=HEAL, ignoreDifferences=rules, policy=policy))
    ref = Ref("apps", "Deployment", "shop", "web")
    await world.api.patch(ref, {"spec": {"replicas": 5}}, field_manager="autoscaler")
    await world.settle()
    assert world.status()["sync"]["status"] == "Synced"
    changed = deployment("web")
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
    await world.push(web=[changed])
    live = world.api.find(ref)
    assert live is not None
    assert live["spec"]["replicas"] == 5
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"


async def test_replace_and_force_make_an_object_anew_where_it_cannot_be_changed(world: World) -> None:
    world.git.commit(web=[config("a", options="Force=true,Replace=true")])
    await world.create(application(automated={}))
    before = world.api.find(CONFIG_A)
    await world.push(web=[config("a", "2", options="Force=true,Replace=true")])
    after = world.api.find(CONFIG_A)
    assert before is not None
    assert after is not None
    assert after["data"]["value"] == "2"
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


async def test_a_secret_never_shows_in_status_or_events(world: World) -> None:
    secret = manifest("Secret", "s", stringData={"password": "hunter2-hunter2"})
    broken = manifest("ConfigMap", "c", data={"copy": "hunter2-hunter2"})
    world.git.commit(web=[secret, broken])
    error = ApiError(422, "Invalid", "data.password: Invalid value: hunter2-hunter2 aHVudGVyMi1odW50ZXIy")
    world.api.faults.add(lambda call: call.verb == "apply" and call.ref.name in ("s", "c"), error)
    await world.create(application(automated={}, policy={"retry": {"limit": 0}}))
    told = str(world.app()) + str([call.body for call in world.api.calls if call.ref.kind == "Event"])
    assert "hunter2" not in told
    assert "aHVudGVyMi1odW50ZXIy" not in told


async def test_an_api_that_does_not_answer_changes_nothing(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))

    def asks(call: Call) -> bool:
        return call.verb == "apply"

    world.api.faults.add(asks, Unavailable(503, "ServiceUnavailable", "etcd is away"))
    await world.push(web=[config("a", "2")])
    assert value(world) == "1"
    assert "etcd is away" in world.conditions()["ComparisonError"]
    world.api.faults.clear()
    await world.look()
    assert value(world) == "2"


async def test_a_child_application_counts_for_the_health_of_its_parent(world: World) -> None:
    child = application("web", automated={})
    child["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
    world.git.commit(root=[child], web=[deployment("web")])
    await world.create(application("root", automated=HEAL, destination={"name": "in-cluster", "namespace": "argocd"}))
    await world.look("root")
    assert world.status("web")["sync"]["status"] == "Synced"
    assert world.status("web")["health"]["status"] == "Progressing"
    assert world.status("root")["health"]["status"] == "Progressing"
    ref = Ref("apps", "Deployment", "shop", "web")
    await world.api.patch(ref, {"status": {"observedGeneration": 1}}, subresource="status")
    await world.settle()
    assert world.status("root")["health"]["status"] == "Healthy"
    assert world.status("root")["sync"]["status"] == "Synced"


async def test_a_hard_refresh_renders_anew_what_failed_and_only_once(world: World) -> None:
    world.git.commit(web=[config("a")])
    world.git.unrenderable = SourceError("no such dependency")
    await world.create(application(automated={}))
    assert set(world.git.fresh) == {False}
    world.git.fresh.clear()
    world.git.unrenderable = None
    await world.change({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}})
    await world.later(minutes=20)
    assert world.git.fresh == [True]
    assert world.has("ConfigMap", "a")
