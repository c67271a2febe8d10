"""The engine killed at every action, and going on: the points come from the register of actions."""

from __future__ import annotations

import pytest

from operators.gitops.execute import EXECUTE
from operators.gitops.kill import KillSwitch
from operators.gitops.plan import ACTION_TYPES
from operators.kit.kube import Ref
from tests.support.gitops_world import World, application, config, manifest

APP = Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1")
FRESH = {"name": "in-cluster", "namespace": "fresh"}


class Killed(BaseException):
    """What the switch raises here in place of ending the process."""


def _die() -> None:
    raise Killed


async def _story(world: World) -> None:
    """A life in which every action occurs; each step is repeated after a kill, as the world would."""
    app = application(
        automated={"prune": True, "selfHeal": True},
        policy={"syncOptions": ["CreateNamespace=true"]},
        destination=FRESH,
        finalizers=["resources-finalizer.argocd.argoproj.io"],
    )
    replaced = config("replaced", options="Force=true,Replace=true")
    world.api.seed(manifest("Namespace", "fresh2"))
    old = config("old", namespace="fresh2")
    if world.api.find(Ref("", "ConfigMap", "fresh2", "old")) is None:
        await world.api.create(old, field_manager="kubectl-client-side-apply")
    world.git.commits[1:] = []
    world.git.commit(web=[config("a"), config("gone", wave=1), replaced, old])
    if world.api.find(APP) is None:
        await world.api.create(app)
    await world.settle()
    world.git.commit(web=[config("a", "2"), {**replaced, "data": {"value": "2"}}, old])
    note = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    await world.api.patch(APP, note)
    await world.settle()
    world.now = world.now.replace(minute=(world.now.minute + 5) % 60)
    await world.api.patch(Ref("", "ConfigMap", "fresh", "a"), {"data": {"value": "drift"}}, field_manager="edit")
    await world.settle()


async def _end(world: World) -> None:
    if world.api.find(APP) is not None:
        await world.api.delete(APP)
        await world.settle()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("action", [kind.__name__ for kind in ACTION_TYPES])
async def test_killed_at_any_action_it_goes_on(action: str, moment: str) -> None:
    died: list[str] = []

    def die() -> None:
        died.append(action)
        raise Killed

    world = World(KillSwitch(f"{action}:{moment}", die=die))
    for story in (_story, _end):
        for _ in range(3):
            before = len(died)
            await story(world)
            if len(died) == before:
                break
            await world.restart()
    await world.engine.close()
    assert died, f"the story has no {action}: it must"
    assert world.api.find(APP) is None
    for name in ("a", "gone", "replaced"):
        assert not world.has("ConfigMap", name, "fresh")
    assert world.has("Namespace", "fresh", ""), "the namespace it made outlives it"


def test_every_action_can_be_executed() -> None:
    published = {"StartOperation", "FinishOperation", "PatchStatus", "RemoveAnnotation"}
    assert {kind.__name__ for kind in EXECUTE} | published == {kind.__name__ for kind in ACTION_TYPES}


@pytest.mark.parametrize("wrong", ["Nothing:before", "ApplyObject", "ApplyObject:during"])
def test_a_switch_that_names_nothing_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="Action:before"):
        KillSwitch(wrong)
