"""What `kubectl apply` refuses: the rules in the definition, on a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from operators.canary.models import CanarySpec
from operators.kit.errors import ApiError
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi

GOOD: dict[str, Any] = {
    "targetRef": {"name": "web"},
    "traffic": {"parentRefs": [{"name": "web"}]},
    "steps": [{"weight": 10, "hold": "30s"}, {"weight": 50, "maxHold": "1h"}],
}
COUNTED = {"metrics": [{"name": "errors", "gateway": {"signal": "errors"}}]}
BAD = [
    pytest.param({"steps": [{"weight": 50}, {"weight": 10}]}, "weights must grow", id="weights that fall"),
    pytest.param({"steps": [{"weight": 10}, {"weight": 10}]}, "weights must grow", id="weights that stay"),
    pytest.param({"steps": [{"weight": 0}]}, "greater than or equal to 1", id="no weight"),
    pytest.param({"steps": None}, "steps are missing", id="no steps"),
    pytest.param({"steps": []}, "steps are missing", id="empty steps"),
    pytest.param({"strategy": "blueGreen"}, "steps are for strategy: canary", id="steps of another strategy"),
    pytest.param({"blueGreen": {"hold": "5s"}}, "blueGreen is for", id="settings of another strategy"),
    pytest.param({"strategy": "abTest", "steps": None}, "abTest is for strategy: abTest", id="a test of nothing"),
    pytest.param({"traffic": {}}, "name either parentRefs", id="no route"),
    pytest.param(
        {"traffic": {"parentRefs": [{"name": "g"}], "routes": [{"name": "r"}]}},
        "name either parentRefs",
        id="two routes",
    ),
    pytest.param(
        {"steps": [{"weight": 5, "minRequests": 9}], "analysis": {"metrics": []}},
        "minRequests needs a metric",
        id="requests uncounted",
    ),
    pytest.param({"analysis": {"metrics": [{"name": "x"}]}}, "name exactly one source", id="a metric of nothing"),
    pytest.param(
        {"analysis": {"metrics": [{"name": "x", "gateway": {"signal": "latency"}}]}},
        "a count of latency needs above",
        id="slow without a limit",
    ),
    pytest.param(
        {"analysis": {"metrics": [{"name": "x", "prometheus": {"events": "up"}}]}},
        "a count needs a total",
        id="a count without a total",
    ),
    pytest.param(
        {"analysis": {"metrics": [{"name": "x", "gateway": {}, "slo": 1.5}]}},
        "slo is a share below 1",
        id="an objective beyond all",
    ),
    pytest.param(
        {"analysis": {"metrics": COUNTED["metrics"] * 2}}, "two metrics have the same name", id="metrics of one name"
    ),
    pytest.param({"gates": [{"name": "x", "at": "start"}]}, "a gate is one of", id="a gate of nothing"),
    pytest.param(
        {"gates": [{"name": "x", "at": "step", "manual": True}]}, "step names the step", id="a gate at no step"
    ),
    pytest.param(
        {"gates": [{"name": "x", "at": "step", "step": 3, "manual": True}]},
        "a gate's step does not exist",
        id="a gate after the last step",
    ),
    pytest.param(
        {"steps": GOOD["steps"][:1], "gates": [{"name": "x", "at": "step", "step": 2, "manual": True}]},
        "a gate's step does not exist",
        id="a gate whose step was taken out",
    ),
    pytest.param(
        {"strategy": "blueGreen", "steps": None, "gates": [{"name": "x", "at": "step", "step": 2, "manual": True}]},
        "a gate's step does not exist",
        id="a second step of blue-green",
    ),
    pytest.param({"drain": "soon"}, "spec.drain", id="a wrong duration"),
]


def canary(namespace: str, spec: dict[str, Any], name: str = "web") -> Manifest:
    wanted = {key: value for key, value in {**GOOD, **spec}.items() if value is not None}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "automatrix.dev/v1alpha1", "kind": "Canary", "metadata": metadata, "spec": wanted}


@pytest.mark.parametrize(("change", "told"), BAD)
async def test_a_wrong_one_is_refused_with_the_reason(
    api: KubernetesApi, namespace: str, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ApiError, match=told):
        await api.apply(canary(namespace, change), field_manager="test")


async def test_a_name_that_leaves_no_room_is_refused(api: KubernetesApi, namespace: str) -> None:
    with pytest.raises(ApiError, match="at most 50"):
        await api.apply(canary(namespace, {}, name="x" * 51), field_manager="test")


async def test_good_ones_are_stored_as_they_were_written(api: KubernetesApi, namespace: str) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"analysis": COUNTED, "steps": [{"weight": 5, "minRequests": 100}]},
        {"strategy": "blueGreen", "steps": None, "blueGreen": {"preview": {"name": "x-preview", "value": "1"}}},
        {"strategy": "abTest", "steps": None, "abTest": {"cookie": {"name": "beta", "value": "1"}}},
        {"gates": [{"name": "dba", "at": "step", "step": 2, "manual": True}]},
        {"gates": [{"name": "expand", "at": "start", "job": {"template": {"template": {"spec": {}}}}}]},
    ]
    for number, change in enumerate(changes):
        stored = await api.apply(canary(namespace, change, name=f"web-{number}"), field_manager="test")
        assert stored["spec"] == {k: v for k, v in {**GOOD, **change}.items() if v is not None}
        assert CanarySpec.model_validate(stored["spec"])


async def test_the_target_stays(api: KubernetesApi, namespace: str) -> None:
    await api.apply(canary(namespace, {}), field_manager="test")
    with pytest.raises(ApiError, match="targetRef cannot be changed"):
        await api.apply(canary(namespace, {"targetRef": {"name": "other"}}), field_manager="test", force=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"routes": [{"name": "x"}, {"name": "y"}]}, {"routes": [{"name": "y"}]}, id="one route less"),
        pytest.param({"routes": [{"name": "x"}]}, {"parentRefs": [{"name": "web"}]}, id="a route of its own instead"),
        pytest.param({"parentRefs": [{"name": "web"}]}, {"routes": [{"name": "web"}]}, id="somebody else's instead"),
    ],
)
async def test_no_route_is_left_behind_with_weights(
    api: KubernetesApi, namespace: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    await api.apply(canary(namespace, {"traffic": before}), field_manager="test")
    with pytest.raises(ApiError, match="delete this Canary, which gives it back"):
        await api.apply(canary(namespace, {"traffic": after}), field_manager="test", force=True)


async def test_another_route_may_come(api: KubernetesApi, namespace: str) -> None:
    await api.apply(canary(namespace, {"traffic": {"routes": [{"name": "x"}]}}), field_manager="test")
    more = {"routes": [{"name": "x"}, {"name": "y"}]}
    await api.apply(canary(namespace, {"traffic": more}), field_manager="test", force=True)


async def test_an_autoscaler_scales_it(api: KubernetesApi, namespace: str) -> None:
    ref = Ref("automatrix.dev", "Canary", namespace, "web", "v1alpha1")
    await api.apply(canary(namespace, {"replicas": 3}), field_manager="test")
    status = {"replicas": 4, "selector": "automatrix.dev/canary=web"}
    await api.patch(ref, {"status": status}, subresource="status")
    scaled = await api.patch(ref, {"spec": {"replicas": 5}}, subresource="scale")
    assert scaled["kind"] == "Scale"
    assert scaled["status"] == status
    found = await api.get(ref)
    assert found is not None
    assert found["spec"]["replicas"] == 5
