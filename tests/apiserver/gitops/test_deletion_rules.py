"""What is deleted only when a person has said so, what is never deleted, and how an Application ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from operators.kit.kube import Manifest, Ref
from tests.support import charts
from tests.support.stage import Stage, conditions

TRACKING = "argocd.argoproj.io/tracking-id"
APPROVED = "argocd.argoproj.io/deletion-approved"
FINALIZER = "resources-finalizer.argocd.argoproj.io"


def precious(stage: Stage) -> dict[str, Manifest]:
    """By name: a namespace, a CRD and a volume claim; each takes others' data along."""
    group = f"{stage.name}.example"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    crd = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    return {
        "namespace": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{stage.name}-more"}},
        "crd": {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"things.{group}"},
            "spec": crd,
        },
        "claim": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "claim", "namespace": stage.destination},
            "spec": claim,
        },
    }


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def is_unharmed(stage: Stage, ref: Ref) -> bool:
    found = await stage.api.get(ref)
    return found is not None and "deletionTimestamp" not in found["metadata"]


async def test_namespaces_crds_and_volume_claims_go_only_when_a_person_has_confirmed(running: Stage) -> None:
    stage = running
    objects = precious(stage)
    files = {f"web/{name}.yaml": charts.manifest(content) for name, content in objects.items()}
    await stage.push({**files, "web/stays.yaml": charts.config("stays"), "web/goes.yaml": charts.config("goes")})
    await stage.create("web")
    await stage.until(
        "web", lambda app: (app.get("status") or {}).get("history"), "deployed"
    )  # the claim stays unbound

    await stage.push({**dict.fromkeys(files), "web/goes.yaml": None})
    question = await stage.until_condition("web", "PruneConfirmationWarning", "annotate the Application with")
    await stage.until_object(stage.config("goes"), lambda found: found is None, "pruned without a question")
    refs = [Ref.of(content) for content in objects.values()]
    for ref in refs:
        assert str(ref) in question
        assert await is_unharmed(stage, ref)
    await stage.annotate("web", APPROVED, "2020-01-01T00:00:00Z")
    await stage.refreshed("web")
    for ref in refs:
        assert await is_unharmed(stage, ref), "an approval from before the question is none"
    assert len(stage.deletions()) == 1

    await asyncio.sleep(1)  # times have whole seconds
    await stage.annotate("web", APPROVED, now())
    for ref in refs:
        await stage.until_object(ref, lambda found: found is None or "deletionTimestamp" in found["metadata"], "going")
    await stage.until("web", lambda app: conditions(app) == {}, "without a question")
    assert len(stage.deletions()) == 4
    assert await stage.api.get(stage.config("stays")) is not None


@pytest.mark.parametrize("mark", [None, "another:/ConfigMap:{to}/goes", "nonsense"], ids=["lost", "foreign", "garbled"])
async def test_an_object_that_does_not_carry_the_applications_mark_is_never_pruned(
    running: Stage, mark: str | None
) -> None:
    stage = running
    await stage.push({"web/stays.yaml": charts.config("stays"), "web/goes.yaml": charts.config("goes")})
    await stage.create("web", finalizers=(FINALIZER,))
    await stage.until_synced("web")
    await asyncio.to_thread(stage.engine.stop)
    text = mark.format(to=stage.destination) if mark else None
    await stage.api.patch(stage.config("goes"), {"metadata": {"annotations": {TRACKING: text}}})
    revision = await stage.push({"web/goes.yaml": None})
    stage.engine.start()
    await stage.until_synced("web", revision)
    await stage.refreshed("web")
    assert stage.deletions() == []

    await stage.api.delete(stage.ref("web"))
    await stage.until_object(stage.ref("web"), lambda found: found is None, "gone")
    assert await stage.api.get(stage.config("stays")) is None
    assert await stage.api.get(stage.config("goes")) is not None
    assert [path.rpartition("/")[2] for path in stage.deletions()] == ["stays"]


def waves(*names: str) -> dict[str, str | None]:
    return {f"web/{name}.yaml": charts.config(name, wave=number) for number, name in enumerate(names)}


async def slow_to_go(stage: Stage, name: str) -> None:
    """Have an object wait for somebody before it goes, as one with a controller's finalizer does."""
    await stage.api.patch(stage.config(name), {"metadata": {"finalizers": ["example.com/busy"]}})


def is_going(found: Manifest | None) -> bool:
    return found is not None and "deletionTimestamp" in found["metadata"]


async def let_go(stage: Stage, name: str) -> None:
    await stage.until_object(stage.config(name), is_going, "being deleted")
    await stage.api.patch(stage.config(name), {"metadata": {"finalizers": None}})


async def test_pruning_goes_through_the_waves_backwards_each_gone_before_the_next(running: Stage) -> None:
    stage = running
    await stage.push({**waves("first", "second", "third"), "web/stays.yaml": charts.config("stays")})
    await stage.create("web")
    await stage.until_synced("web")
    for name in ("third", "second"):
        await slow_to_go(stage, name)
    revision = await stage.push(dict.fromkeys(waves("first", "second", "third")))
    for name, left in (("third", ("second", "first")), ("second", ("first",))):
        await stage.until_object(
            stage.config(name), lambda one: one and "deletionTimestamp" in one["metadata"], "going"
        )
        await stage.refreshed("web")
        for other in left:
            assert await is_unharmed(stage, stage.config(other))
        await let_go(stage, name)
    await stage.until_synced("web", revision)
    assert [path.rpartition("/")[2] for path in stage.deletions()] == ["third", "second", "first"]


@pytest.mark.parametrize("broken", [False, True], ids=["well", "with-its-repository-gone"])
async def test_an_application_with_the_finalizer_takes_its_objects_along_backwards(
    running: Stage, broken: bool
) -> None:
    stage = running
    await stage.push({**waves("first", "second", "third"), **charts.chart("charts/x", "x")})
    await stage.create("web", finalizers=(FINALIZER,))
    await stage.create("x", "charts/x", finalizers=(f"{FINALIZER}/background",))
    for name in ("web", "x"):
        await stage.until_synced(name)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "others", "namespace": stage.destination}}
    await stage.api.create(other)
    await slow_to_go(stage, "third")
    if broken:
        await asyncio.to_thread(stage.git.stop)
        await stage.until_condition("web", "ComparisonError", "Failed to connect")
    for name in ("web", "x"):
        await stage.api.delete(stage.ref(name))
    await let_go(stage, "third")
    for name in ("web", "x"):
        await stage.until_object(stage.ref(name), lambda found: found is None, "gone")
    for name in ("first", "second", "third", "x"):
        assert await stage.api.get(stage.config(name)) is None
    assert await stage.api.get(Ref("apps", "Deployment", stage.destination, "x")) is None
    assert await stage.api.get(Ref("", "Service", stage.destination, "x")) is None
    assert await stage.api.get(stage.config("others")) is not None
    own = [path.rpartition("/")[2] for path in stage.deletions() if not path.endswith("/x")]
    assert own == ["third", "second", "first"]


async def test_an_application_without_the_finalizer_leaves_its_objects(running: Stage) -> None:
    stage = running
    revision = await stage.push({"web/a.yaml": charts.config("a"), "well/b.yaml": charts.config("b")})
    await stage.create("web")
    await stage.create("well")
    await stage.until_synced("web")
    await stage.api.delete(stage.ref("web"))
    await stage.until_object(stage.ref("web"), lambda found: found is None, "gone")
    await stage.until_synced("well", revision)
    await stage.refreshed("well")
    assert stage.deletions() == []
    assert await is_unharmed(stage, stage.config("a"))


async def test_a_wipe_beyond_the_deletion_budget_waits_for_a_person(stage: Stage) -> None:
    stage.engine.start(GITOPS_DELETION_BUDGET="2")
    many: dict[str, Any] = {f"web/{name}.yaml": charts.config(name) for name in ("a", "b", "c")}
    await stage.push({**many, "web/stays.yaml": charts.config("stays")})
    await stage.create("web")
    await stage.until_synced("web")
    await stage.push(dict.fromkeys(many))
    await stage.until_condition("web", "PruneConfirmationWarning", "deletion budget")
    assert stage.deletions() == []
    await asyncio.sleep(1)  # times have whole seconds
    await stage.annotate("web", APPROVED, now())
    await stage.until_synced("web")
    assert len(stage.deletions()) == 3
