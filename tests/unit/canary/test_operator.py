"""Looks of many Canaries together: those at rest wait for each other, a release waits for none of them."""

from __future__ import annotations

import asyncio
from typing import Any

from operators.canary.instruments import Trusting
from operators.canary.operator import LOOKS_AT_REST, Parts, build
from operators.kit.kube import Manifest, Ref
from operators.kit.loop import Operator
from operators.kit.testing import FakeKubeApi
from tests.support.canary_world import NAMESPACE, spec


class Slow(FakeKubeApi):
    """Answers no read before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.may_answer = asyncio.Event()

    async def get(self, ref: Ref) -> Manifest | None:
        self.asked.add(ref.name.removesuffix("-a").removesuffix("-b"))
        await self.may_answer.wait()
        return await super().get(ref)


def look(operator: Operator[Any, Any], api: Slow, name: str, phase: str) -> asyncio.Task[Any]:
    wanted = spec(targetRef={"name": name})
    metadata = {"name": name, "namespace": NAMESPACE, "uid": name, "generation": 1}
    manifest = {"metadata": metadata, "spec": wanted, "status": {"phase": phase}}
    return asyncio.create_task(_observed(operator, api, manifest))


async def _observed(operator: Operator[Any, Any], api: Slow, manifest: Manifest) -> None:
    await operator.observe(api, manifest, operator.spec.model_validate(manifest["spec"]))


async def test_canaries_at_rest_are_looked_at_a_few_at_a_time_and_delay_no_release() -> None:
    api, operator = Slow(), build(Parts(Trusting()))
    api.kinds.add("automatrix.dev", "v1alpha1", "Canary")
    api.kinds.add("gateway.networking.k8s.io", "v1", "HTTPRoute")
    resting = [look(operator, api, f"rest-{number}", "Idle") for number in range(3 * LOOKS_AT_REST)]
    await asyncio.sleep(0.05)
    assert len({f"rest-{number}" for number in range(3 * LOOKS_AT_REST)} & set(api.asked)) == LOOKS_AT_REST
    moving = look(operator, api, "moving", "Preparing")
    await asyncio.sleep(0.05)
    assert "moving" in api.asked
    api.may_answer.set()
    async with asyncio.timeout(10):
        await asyncio.gather(moving, *resting)
