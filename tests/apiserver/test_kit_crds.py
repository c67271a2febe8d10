"""Generated CRDs on the real API server: accepted as they are, and what they say is enforced."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from operators.kit.conditions import Condition
from operators.kit.crds import Column, Kind, Scale, crd
from operators.kit.errors import ApiError
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi


class Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True, extra="forbid"
    )


class Target(Model):
    name: Annotated[str, Field(min_length=1)]
    """The object's name."""
    port: int | str = 80


class Free(Model):
    model_config = ConfigDict(extra="allow")

    known: str = ""


class Spec(Model):
    """A gadget, as the user asks for it."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "self.minSize <= self.maxSize", "message": "minSize must not exceed maxSize"}
            ]
        }
    )

    min_size: Annotated[int, Field(ge=0, lt=100)] = 1
    max_size: Annotated[float, Field(gt=0)] = 10
    mode: Literal["slow", "fast"] | None = None
    target: Target
    others: list[Target] = []
    labels: dict[str, str] = {}
    values: dict[str, Any] = {}
    anything: Any = None
    free: Free = Free()
    tags: set[str] = set()
    cluster: str = Field(
        default="a",
        json_schema_extra={
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "cluster is immutable"}]
        },
    )


class Status(Model):
    replicas: int = 0
    selector: str = ""
    conditions: list[Condition] = []


GADGET = Kind(
    group="test.automatrix.dev",
    version="v1alpha1",
    kind="Gadget",
    plural="gadgets",
    spec=Spec,
    status=Status,
    fields={"operation": Free},
    scale=Scale(spec_replicas=".spec.minSize"),
    columns=(
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Mode", ".spec.mode", priority=1),
    ),
    short_names=("gd",),
    categories=("automatrix",),
    rules=({"rule": "self.metadata.name.size() <= 20", "message": "the name is too long"},),
)


@pytest.fixture
async def served(serve: Callable[[Manifest], Awaitable[None]]) -> None:
    await serve(crd(GADGET))


def gadget(namespace: str, spec: dict[str, Any] | None = None, name: str = "g", **rest: Any) -> Manifest:
    return {
        "apiVersion": "test.automatrix.dev/v1alpha1",
        "kind": "Gadget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"target": {"name": "t"}, **(spec or {})},
        **rest,
    }


@pytest.mark.usefixtures("served")
async def test_a_generated_crd_defaults_prunes_and_keeps(api: KubernetesApi, namespace: str) -> None:
    values = {"deep": {"list": [1, "two", None, True]}}
    spec = {"values": values, "anything": [1, {"a": "b"}], "free": {"known": "k", "other": 1}, "mode": None}
    await api.apply(gadget(namespace, spec, operation={"sync": {"x": 1}}), field_manager="m")
    read = await api.get(Ref.of(gadget(namespace)))
    assert read is not None
    assert read["spec"]["minSize"] == 1
    assert read["spec"]["target"] == {"name": "t", "port": 80}
    assert read["spec"]["values"] == values
    assert read["spec"]["anything"] == [1, {"a": "b"}]
    assert read["spec"]["free"] == {"known": "k", "other": 1}
    assert read["operation"]["sync"] == {"x": 1}
    Spec.model_validate(read["spec"])
    assert "status" not in (await api.apply(gadget(namespace, status={"replicas": 5}), field_manager="m"))


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"minSize": 20}, "minSize must not exceed maxSize"),
        ({"minSize": 100, "maxSize": 1000}, "should be less than 100"),
        ({"maxSize": 0}, "should be greater than 0"),
        ({"mode": "loud"}, "slow"),
        ({"target": {"name": ""}}, "at least 1"),
        ({"target": {}}, "Required value"),
        ({"others": [{"name": "a", "port": 1.5}]}, "integer"),
        ({"tags": ["a", "a"]}, "uplicate"),
        ({"typo": 1}, "typo"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_what_the_model_refuses_the_server_refuses(
    api: KubernetesApi, namespace: str, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ApiError, match=complaint) as raised:
        await api.apply(gadget(namespace, change), field_manager="m")
    assert raised.value.status in (400, 422)


@pytest.mark.usefixtures("served")
async def test_cel_rules_over_time_and_over_the_name(api: KubernetesApi, namespace: str) -> None:
    await api.apply(gadget(namespace), field_manager="m")
    with pytest.raises(ApiError, match="cluster is immutable"):
        await api.apply(gadget(namespace, {"cluster": "b"}), field_manager="m")
    with pytest.raises(ApiError, match="the name is too long"):
        await api.apply(gadget(namespace, name="g" * 21), field_manager="m")


@pytest.mark.usefixtures("served")
async def test_subresources(api: KubernetesApi, namespace: str) -> None:
    ref = Ref.of(await api.apply(gadget(namespace), field_manager="m"))
    status = {"replicas": 3, "selector": "app=g", "conditions": []}
    assert (await api.patch(ref, {"status": status}, subresource="status"))["status"] == status
    scaled = await api.patch(ref, {"spec": {"replicas": 7}}, subresource="scale")
    assert scaled["status"] == {"replicas": 3, "selector": "app=g"}
    found = await api.get(ref)
    assert found is not None
    assert found["spec"]["minSize"] == 7
