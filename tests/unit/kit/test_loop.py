"""The loop: what the user sees of a plan, of a mistake and of an outage."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from operators.kit.errors import ApiError, Blocked, Invalid, Unavailable
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.loop import Operator, Wakes, reconcile, serve
from operators.kit.testing import FakeKubeApi

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WIDGET = Ref("automatrix.dev", "Widget", "default", "w", "v1alpha1")


class Spec(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = 1


@dataclass(frozen=True)
class WriteSize:
    size: int
    reason: str


@dataclass(frozen=True)
class Plan:
    actions: tuple[WriteSize, ...] = ()
    ready: bool = True
    message: str = ""
    requeue_after: timedelta = timedelta(minutes=5)


async def observe(api: KubeApi, resource: Manifest, spec: Spec) -> str:
    found = await api.get(Ref("", "ConfigMap", "default", "w"))
    return str(found["data"]["size"]) if found else ""


def plan(spec: Spec, seen: str, now: datetime) -> Plan:
    if spec.size > 100:
        raise Invalid("spec.size", "at most 100")
    if spec.size < 0:
        raise Blocked("SourceReady", "waits for the source")
    if seen == str(spec.size):
        return Plan(message="as asked")
    return Plan((WriteSize(spec.size, f"size is {seen or 'unset'}"),), ready=False, message="writing")


async def write_size(api: KubeApi, resource: Manifest, action: WriteSize) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w", "namespace": "default"}}
    await api.apply({**config, "data": {"size": str(action.size)}}, field_manager="widgets")


OPERATOR = Operator("widgets", Spec, observe, plan, {WriteSize: write_size}, now=lambda: NOW)


def cluster(spec: dict[str, Any]) -> FakeKubeApi:
    api = FakeKubeApi()
    api.kinds.add("automatrix.dev", "v1alpha1", "Widget")
    api.seed(
        {
            "apiVersion": "automatrix.dev/v1alpha1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "default"},
            "spec": spec,
        }
    )
    return api


def conditions(api: FakeKubeApi) -> dict[str, tuple[str, str]]:
    found = api.find(WIDGET)
    assert found is not None
    return {c["type"]: (c["status"], c["message"]) for c in found["status"]["conditions"]}


async def one_pass(api: FakeKubeApi) -> float:
    resource = await api.get(WIDGET)
    assert resource is not None
    return await reconcile(OPERATOR, api, resource)


async def test_it_acts_says_so_and_then_is_still() -> None:
    api = cluster({"size": 2})
    await one_pass(api)
    assert conditions(api)["Reconciling"][0] == "True"
    assert await one_pass(api) == 300
    assert conditions(api) == {"Ready": ("True", "as asked"), "Reconciling": ("False", ""), "Stalled": ("False", "")}
    api.calls.clear()
    await one_pass(api)
    assert api.writes == []


async def test_a_wrong_value_names_the_field_and_touches_nothing() -> None:
    for spec, complaint in (
        ({"size": "many"}, "spec.size: Input should be a valid integer"),
        ({"size": 101}, "at most"),
    ):
        api = cluster(spec)
        await one_pass(api)
        assert conditions(api)["Stalled"][0] == "True"
        assert complaint in conditions(api)["Ready"][1]
        assert [call.verb for call in api.writes] == ["patch"]


async def test_what_blocks_is_a_condition() -> None:
    api = cluster({"size": -1})
    assert await one_pass(api) == 30
    assert conditions(api) == {"SourceReady": ("False", "waits for the source")}


async def test_the_daemon_is_woken_survives_an_outage_and_ends_with_its_resource() -> None:
    api = cluster({"size": 2})
    wakes = Wakes()
    api.faults.add(lambda call: call.verb == "apply", Unavailable(503, "", "down"), times=1)
    body = api.find(WIDGET)
    assert body is not None
    daemon = asyncio.create_task(serve(OPERATOR, body=body, memo=SimpleNamespace(api=api, wakes=wakes), name="w"))
    async with asyncio.timeout(10):
        while "Ready" not in str(api.find(WIDGET)):
            await asyncio.sleep(0.01)
        await api.patch(WIDGET, {"spec": {"size": 3}})
        wakes.wake(WIDGET)
        while (config := api.find(Ref("", "ConfigMap", "default", "w"))) is None or config["data"]["size"] != "3":
            await asyncio.sleep(0.01)
        await api.delete(WIDGET)
        wakes.wake(WIDGET)
        await daemon


async def test_what_the_server_refuses_is_a_condition_and_what_is_true_all_the_same_is_published() -> None:
    api = cluster({"size": 2})
    refusal = ApiError(422, "Invalid", "size: not on a Sunday")
    api.faults.add(lambda call: call.verb == "apply", refusal)
    resource = await api.get(WIDGET)
    assert resource is not None
    operator = replace(OPERATOR, status_refused=lambda made: {"seen": made.message})
    with pytest.raises(ApiError):
        await reconcile(operator, api, resource)
    assert conditions(api)["Stalled"] == ("True", "WriteSize (size is unset) was refused: size: not on a Sunday")
    assert (api.find(WIDGET) or {})["status"]["seen"] == "writing"
