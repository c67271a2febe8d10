"""What a push is told, and that its stream ends when there is nothing more to wait for."""

from __future__ import annotations

from operators.kit.kube import Manifest, Ref
from tests.support.gitops_world import World, application, config, deployment

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
