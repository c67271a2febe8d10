"""What a push is told, and that its stream ends when there is nothing more to wait for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from operators.gitops.sources import SourceError
from operators.kit.kube import Manifest, Ref
from tests.support.gitops_world import REPO, World, application, config, deployment

HEAL = {"prune": True, "selfHeal": True}
SCALER = Ref("autoscaling", "HorizontalPodAutoscaler", "shop", "web", "v2")


def scaler(target: str = "web") -> Manifest:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": target}, "maxReplicas": 3}
    return {"apiVersion": "autoscaling/v2", "kind": SCALER.kind, "metadata": {"name": "web"}, "spec": spec}


async def measure(world: World, status: str) -> None:
    """Have the autoscaler's controller say whether it can measure."""
    condition = {
        "type": "ScalingActive",
        "status": status,
        "reason": "FailedGetResourceMetric",
        "message": "no metrics",
    }
    conditions = [condition, {"type": "AbleToScale", "status": "True"}]
    await world.api.patch(SCALER, {"status": {"conditions": conditions}}, subresource="status")
    await world.settle()


async def test_what_is_degraded_right_after_applying_has_a_fair_chance_to_mend(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    revision = await world.push(web=[config("a"), scaler()])
    await measure(world, "False")
    assert not world.is_told(revision)
    assert "no metrics" in world.told(revision)[0]
    await world.later(seconds=4)
    assert not world.is_told(revision)
    await measure(world, "True")
    assert world.told(revision)[0].endswith("healthy 4.0 s")


async def test_what_stays_degraded_is_told_as_failed_with_its_reason(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    revision = await world.push(web=[config("a"), scaler()])
    await measure(world, "False")
    await world.later(seconds=11)
    assert world.is_told(revision)
    assert "failed HorizontalPodAutoscaler shop/web: no metrics" in world.told(revision)[0]


async def test_two_pushes_in_a_row_end_both_streams_however_their_examinations_overlap(world: World) -> None:
    world.git.commit(web=[config("a")], other=[config("o")])
    await world.create(application(automated=HEAL))
    await world.create(application("other", automated=HEAL))
    start = world.git.head
    first = world.git.commit(web=[config("a", "2")])
    world.receipts.announced(REPO, start, first)
    world.now += timedelta(seconds=1)
    second = world.git.commit(other=[config("o", "2")])
    world.receipts.announced(REPO, first, second)
    await world.engine.repositories.examine(REPO, second, "refs/heads/main")
    await world.settle()
    await world.engine.repositories.examine(REPO, first, "refs/heads/main")
    await world.settle()
    assert world.is_told(first)
    assert world.is_told(second)
    assert world.told(first) == [f"superseded by {second[:12]}"]


async def test_an_application_that_has_gone_past_a_push_names_the_newer_commit(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    start, first = world.git.head, world.git.commit(web=[config("a", "2")])
    world.receipts.announced(REPO, start, first)
    second = world.git.commit(web=[config("a", "3")])
    await world.engine.repositories.examine(REPO, first, "refs/heads/main")
    assert world.told(first) == [f"web  superseded by {second[:12]}"]
    assert world.is_told(first)


async def test_a_push_to_another_branch_is_not_called_superseded(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    side = world.git.commit(web=[config("a", "side")])
    world.receipts.announced(REPO, "0" * 40, side)
    world.git.commit(web=[config("a", "3")])
    await world.engine.repositories.examine(REPO, side, "refs/heads/side")
    assert world.told(side) == ["no application is touched by this push"]


async def test_going_back_to_the_last_good_content_tells_the_application_it_mends(world: World) -> None:
    world.git.commit(web=[config("a")], other=[config("o")])
    await world.create(application(automated=HEAL))
    await world.create(application("other", automated=HEAL))
    world.git.unrenderable = SourceError("nil pointer", file="web/templates/a.yaml", line=3)
    broken = await world.push(web=[config("a", "broken")])
    assert "failed web/templates/a.yaml:3: nil pointer" in world.told(broken)[0]
    elsewhere = await world.push(third=[config("x")])
    assert world.told(elsewhere) == ["no application is touched by this push"]
    world.git.unrenderable = None
    mended = await world.push(web=[config("a")])
    assert world.told(mended)[0] == "web  rendered 1 object · 0 changed · applied 0.0 s · healthy 0.0 s"
    assert world.conditions() == {}


async def test_the_time_of_applying_stands_however_long_health_takes(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    revision = await world.push(web=[config("a"), scaler()])
    await measure(world, "False")
    for _ in range(3):
        await world.later(seconds=2)
    await measure(world, "True")
    assert "applied 0.0 s · healthy 6.0 s" in world.told(revision)[0]


CANARY = Ref("automatrix.dev", "Canary", "shop", "web", "v1alpha1")


async def says(world: World, **conditions: str) -> None:
    """Have the canary operator publish conditions."""
    told = [{"type": name, "status": status, "message": "at 30 %"} for name, status in conditions.items()]
    await world.api.patch(CANARY, {"status": {"observedGeneration": 1, "conditions": told}}, subresource="status")
    await world.settle()


@pytest.mark.parametrize(
    ("end", "told"), [({"Ready": "True"}, "healthy"), ({"Ready": "False", "Stalled": "True"}, "failed Canary")]
)
async def test_a_release_that_waits_for_somebody_is_no_success_yet(
    world: World, end: dict[str, str], told: str
) -> None:
    world.api.kinds.add("automatrix.dev", "v1alpha1", "Canary")
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    spec = {"targetRef": {"name": "elsewhere"}}
    canary = {"apiVersion": "automatrix.dev/v1alpha1", "kind": "Canary", "metadata": {"name": "web"}, "spec": spec}
    revision = await world.push(web=[config("a"), canary])
    await says(world, Ready="False", Paused="True")
    assert not world.is_told(revision)
    assert "at 30 %" in world.told(revision)[0]
    await says(world, **end)
    await world.later(seconds=11)
    assert told in world.told(revision)[0]


ROOT = {"name": "in-cluster", "namespace": "argocd"}


@pytest.mark.parametrize("finalizers", [[], ["resources-finalizer.argocd.argoproj.io"]])
async def test_an_application_that_a_push_removes_is_told_as_removed_and_never_as_failed(
    world: World, finalizers: list[str]
) -> None:
    child = application("web", automated=HEAL, finalizers=finalizers)
    world.git.commit(root=[child, config("c", namespace="shop")], web=[config("a")])
    await world.create(application("root", automated=HEAL, destination=ROOT))
    await world.look("root")
    assert world.has("ConfigMap", "a")
    said: list[str] = []
    revision = f"{len(world.git.commits):040x}"
    follower = asyncio.create_task(_follow(world, revision, said))
    assert await world.push(root=[config("c", namespace="shop")], web=None) == revision
    await world.settle()
    assert world.told(revision) == [
        "root  rendered 1 object · 0 changed · 1 removed · applied 0.0 s · healthy 0.0 s",
        "web  removed",
    ]
    await asyncio.wait_for(follower, 30)
    assert not any("failed" in line for line in said), said
    assert world.has("ConfigMap", "a") == (not finalizers)


async def test_an_application_that_fails_although_its_parent_keeps_it_is_told_once_that_is_applied(
    world: World,
) -> None:
    world.git.commit(root=[application("web", automated=HEAL)], web=[config("a")])
    await world.create(application("root", automated=HEAL, destination=ROOT))
    await world.look("root")
    kept = application("web", automated=HEAL)
    kept["metadata"]["labels"] = {"team": "shop"}
    revision = await world.push(root=[kept], web=None)
    assert world.is_told(revision)
    assert any(line.startswith("web  failed web: no such directory") for line in world.told(revision))
    assert any(line.startswith("root  rendered 1 object · 1 changed · applied") for line in world.told(revision))


async def test_an_application_whose_manifest_a_push_breaks_is_told_as_failed(world: World) -> None:
    child = application("web", automated=HEAL)
    world.git.commit(root=[child], web=[config("a")])
    await world.create(application("root", automated=HEAL, destination=ROOT))
    await world.look("root")
    child["spec"]["source"]["path"] = "wob"
    revision = await world.push(root=[child], web=[config("a")])
    await world.settle()
    assert world.is_told(revision)
    root, web = world.told(revision)[:2]
    assert root.startswith("root  rendered 1 object · 1 changed · applied")
    assert " · failed revision " in web
    assert not any("unchanged" in line for line in world.told(revision))


async def test_an_application_whose_manifest_a_push_changes_is_told_with_what_it_does_then(world: World) -> None:
    child = application("web", automated=HEAL)
    world.git.commit(root=[child], web=[config("a")], other=[config("b")])
    await world.create(application("root", automated=HEAL, destination=ROOT))
    await world.look("root")
    child["spec"]["source"]["path"] = "other"
    revision = await world.push(root=[child], web=[config("a")], other=[config("b")])
    await world.settle()
    assert world.is_told(revision)
    assert world.told(revision)[1].startswith("web  rendered 1 object · 1 changed · 1 removed · applied")


async def test_an_application_whose_labels_a_push_changes_is_told_as_it_is(world: World) -> None:
    child = application("web", automated=HEAL)
    world.git.commit(root=[child], web=[config("a")])
    await world.create(application("root", automated=HEAL, destination=ROOT))
    await world.look("root")
    child["metadata"]["labels"] = {"team": "shop"}
    revision = await world.push(root=[child], web=[config("a")])
    await world.settle()
    assert world.is_told(revision)
    assert world.told(revision)[1].startswith("web  rendered 1 object · 0 changed · applied")


async def test_an_application_that_a_person_deletes_is_waited_for_no_more(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    revision = await world.push(web=[deployment("web")])
    assert not world.is_told(revision)
    await world.api.delete(Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1"))
    await world.settle()
    assert world.is_told(revision)
    assert world.told(revision)[0].endswith(" · removed")


async def _follow(world: World, revision: str, said: list[str]) -> None:
    async for one in world.receipts.follow(revision, 30):
        said.extend(one.lines)
