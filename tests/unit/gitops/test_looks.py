"""When an Application is looked at again, and that no wish and no end of one is lost."""

from __future__ import annotations

from typing import Any

from operators.kit.kube import Manifest, Ref
from tests.support.gitops_world import World, application, config

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

    world.api.patch = changed  # type: ignore[assignment,method-assign]


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
