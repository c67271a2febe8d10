"""When an Application is looked at again, and that no wish and no end of one is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from operators.kit.kube import Manifest, Ref
from tests.support.gitops_world import REPO, World, application, config, deployment, manifest

HEAL = {"prune": True, "selfHeal": True}
APP = Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1")


def meanwhile(world: World, wish: dict[str, Any]) -> None:
    """Let a person change the Application just before the engine's next write of its status arrives."""
    patch = world.api.patch

    async def changed(ref: Ref, body: Any, **options: Any) -> Manifest:
        if ref == APP and "status" in body:
            world.api.patch = patch  # type: ignore[method-assign]
            await patch(ref, wish)
        return await patch(ref, body, **options)

    world.api.patch = changed  # type: ignore[method-assign]


async def test_a_change_that_comes_while_the_status_is_written_is_not_lost(world: World) -> None:
    world.git.commit(web=[config("a")], other=[config("o")])
    app = application(automated=HEAL)
    await world.create(app)
    world.api.seed(
        config("stray", namespace="shop", annotations={"argocd.argoproj.io/tracking-id": "web:/ConfigMap:shop/stray"})
    )
    await world.change({"spec": {"syncPolicy": {"automated": {"enabled": False}}}})
    meanwhile(world, {"spec": {"source": {"path": "other"}, "syncPolicy": {"automated": {"enabled": True}}}})
    world.git.commit(web=[config("a", "2")])
    await world.look()
    assert world.has("ConfigMap", "o")


async def test_a_mended_spec_that_comes_while_its_fault_is_written_is_not_lost(world: World) -> None:
    world.git.commit(web=[config("a")])
    broken = application(automated=HEAL)
    broken["spec"]["source"]["path"] = 7
    meanwhile(world, {"spec": {"source": {"path": "web"}}})
    await world.create(broken)
    assert world.has("ConfigMap", "a")


async def test_a_sync_that_is_asked_for_while_the_status_is_written_is_not_lost(world: World) -> None:
    world.git.commit(web=[config("a")])
    meanwhile(world, {"operation": {"sync": {}}})
    await world.create(application())
    assert world.has("ConfigMap", "a")


async def test_an_application_whose_end_was_missed_is_forgotten_with_the_next_poll(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    await world.api.delete(APP)
    await world.engine.relist()
    await world.api.delete(Ref("", "ConfigMap", "shop", "a"))
    world.engine.queue.add("web")
    await world.engine.queue.idle()
    assert not world.has("ConfigMap", "a"), "nobody heals what nobody asks for any more"


async def test_a_repository_is_kept_as_long_as_an_application_or_its_sync_names_it(world: World) -> None:
    other = "https://git.example/other.git"
    await world.create(application())
    await world.create(application("api", source={"repoURL": other, "path": "api"}))
    await world.engine.repositories.forget_unnamed()
    assert world.git.kept == {REPO, other}
    await world.api.delete(Ref("argoproj.io", "Application", "argocd", "api", "v1alpha1"))
    await world.engine.relist()
    await world.engine.repositories.forget_unnamed()
    assert world.git.kept == {REPO}
    asked = application()
    asked["operation"] = {"sync": {"source": {"repoURL": other, "path": "api"}}}
    asked["metadata"] |= {"uid": "2", "resourceVersion": "1"}
    world.engine.roster.see(asked)
    await world.engine.repositories.forget_unnamed()
    assert world.git.kept == {REPO, other}, "a sync to another source is asked for"


async def test_an_application_that_is_gone_when_its_status_is_written_is_forgotten(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    await world.api.delete(APP)
    world.git.commit(web=[config("a", "2")])
    world.engine.queue.add("web")
    await world.engine.queue.idle()
    assert "web" not in world.engine.roster


async def test_one_that_was_made_anew_under_its_name_starts_from_nothing(world: World) -> None:
    world.git.commit(web=[config("a")], other=[config("o")])
    await world.create(application(automated=HEAL))
    await world.api.delete(APP)
    anew = application(automated=HEAL)
    anew["spec"]["source"]["path"] = "other"
    await world.api.create(anew)
    await world.engine.relist()
    await world.settle()
    assert world.has("ConfigMap", "o")


async def test_a_repository_that_breaks_the_engine_does_not_stop_the_others(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    bad = application("bad")
    bad["spec"]["source"]["repoURL"] = "https://[x/y.git"
    await world.create(bad)
    refresh = world.git.refresh

    async def broken(repo_url: str) -> None:
        if "[x" in repo_url:
            raise ValueError("Invalid IPv6 URL")
        await refresh(repo_url)

    world.git.refresh = broken  # type: ignore[method-assign]
    world.git.commit(web=[config("a", "2")])
    await asyncio.gather(world.engine.repositories.examine("https://[x/y.git"), world.engine.repositories.examine(REPO))
    await world.settle()
    found = world.api.find(Ref("", "ConfigMap", "shop", "a"))
    assert found is not None
    assert found["data"] == {"value": "2"}


@pytest.mark.parametrize(
    "bad",
    [
        manifest("CustomResourceDefinition", "x.example.com", api_version="apiextensions.k8s.io/v1", spec="oops"),
    ],
)
async def test_whatever_a_repository_holds_is_told_and_quotes_no_values(world: World, bad: Manifest) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    await world.push(web=[config("a", "2"), bad])
    assert world.conditions() or world.status()["operationState"]["phase"] == "Failed"
    assert "hunter22" not in str(world.status())
    await world.push(web=[config("a", "3")])
    assert world.conditions() == {}


async def test_a_failure_nobody_foresaw_is_told_by_its_type_and_place(world: World) -> None:
    async def render(*_: Any) -> Any:
        raise ZeroDivisionError("hunter22")

    world.git.render = render  # type: ignore[assignment,method-assign]
    await world.create(application(automated=HEAL))
    assert "ZeroDivisionError at " in world.conditions()["ComparisonError"]
    assert "hunter22" not in str(world.status())


async def test_a_kind_that_incomplete_discovery_does_not_name_burns_no_retries(world: World) -> None:
    world.api.discovery_complete = False
    world.git.commit(web=[manifest("Thing", "t", api_version="aggregated.example.com/v1")])
    await world.create(application(automated=HEAL))
    assert "aggregated.example.com/v1 Thing" in world.conditions()["ComparisonError"]
    assert "operationState" not in world.status()


async def test_objects_known_in_a_version_that_is_served_no_more_are_still_watched(world: World) -> None:
    world.git.commit(web=[config("a"), deployment("d")])
    app = application(automated={"prune": True})
    resources = [{"group": "apps", "version": "v1beta1", "kind": "Deployment", "name": "d", "namespace": "shop"}]
    await world.create(app)
    await world.restart()
    world.git.commit(web=[config("a")])
    await world.api.patch(APP, {"status": {"resources": resources}})
    await world.settle()
    assert not world.has("Deployment", "d", group="apps")


async def test_a_push_asks_git_once_for_all_applications(world: World) -> None:
    names = [f"app{number}" for number in range(12)]
    world.git.commit(**{name: [config(name)] for name in names})
    for name in names:
        await world.create(application(name, automated=HEAL))
    world.git.commit(app3=[config("app3", "2")])
    world.git.asked = world.git.resolved = 0
    await world.engine.repositories.examine(REPO)
    assert (world.git.asked, world.git.resolved) == (1, 1)
    await world.settle()
    found = world.api.find(Ref("", "ConfigMap", "shop", "app3"))
    assert found is not None
    assert found["data"] == {"value": "2"}


async def test_a_refresh_of_a_dead_remote_holds_no_worker_and_is_answered_in_the_end(world: World) -> None:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    hold, refresh = asyncio.Event(), world.git.refresh

    async def slow(repo_url: str) -> None:
        await hold.wait()
        await refresh(repo_url)

    world.git.refresh = slow  # type: ignore[method-assign]
    await world.change({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})
    assert "argocd.argoproj.io/refresh" in world.app()["metadata"]["annotations"]
    hold.set()
    await asyncio.sleep(0.01)
    await world.settle()
    assert "argocd.argoproj.io/refresh" not in (world.app()["metadata"].get("annotations") or {})
