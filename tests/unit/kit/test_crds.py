"""Models → CRDs: what the schema says, and what is refused rather than published as anything."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from operators.kit.crds import Column, Kind, Scale, crd
from operators.kit.structural import structural_schema


class Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True, extra="forbid"
    )


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Target(Model):
    name: str
    """The object's name."""
    port: int | str = 80


class Free(Model):
    model_config = ConfigDict(extra="allow")

    known: str = ""


class Spec(Model):
    """What the user asks for."""

    max_replicas: Annotated[int, Field(gt=0, le=100)] = 10
    """At most so many."""
    colour: Colour = Colour.RED
    mode: Literal["fast"] = "fast"
    target: Target
    fallback: Target | None = None
    others: list[Target] = []
    labels: dict[str, str] = {}
    values: dict[str, Any] = {}
    anything: Any = None
    free: Free = Free()
    wait: timedelta = timedelta(minutes=5)
    since: datetime | None = None
    speed: Literal["slow", "fast"] | None = None
    tags: set[str] = set()
    title: str = ""
    clone: bool = Field(default=False, json_schema_extra={"x-kubernetes-validations": [{"rule": "self || true"}]})


def test_the_schema_says_what_the_model_says() -> None:
    schema = structural_schema(Spec)
    properties = schema["properties"]
    assert schema["required"] == ["target"]
    assert schema["description"] == "What the user asks for."
    assert properties["maxReplicas"] == {
        "type": "integer",
        "default": 10,
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 100,
        "description": "At most so many.",
    }
    assert properties["colour"] == {"type": "string", "enum": ["red", "blue"], "default": "red"}
    assert properties["mode"] == {"type": "string", "enum": ["fast"], "default": "fast"}
    target = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "The object's name."},
            "port": {"x-kubernetes-int-or-string": True, "default": 80},
        },
    }
    assert properties["target"] == target
    assert properties["fallback"] == {**target, "nullable": True}
    assert properties["others"] == {"type": "array", "items": target, "default": []}
    assert properties["labels"] == {"type": "object", "additionalProperties": {"type": "string"}, "default": {}}
    assert properties["values"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "default": {}}
    assert properties["anything"] == {"x-kubernetes-preserve-unknown-fields": True}
    assert properties["free"]["x-kubernetes-preserve-unknown-fields"] is True
    assert "additionalProperties" not in properties["free"]
    assert properties["since"] == {"type": "string", "format": "date-time", "nullable": True}
    assert properties["speed"] == {"type": "string", "pattern": "^(slow|fast)$", "nullable": True}
    assert properties["wait"]["type"] == "string"
    assert "format" not in properties["wait"]
    assert properties["tags"]["x-kubernetes-list-type"] == "set"
    assert properties["title"] == {"type": "string", "default": ""}
    assert properties["clone"]["x-kubernetes-validations"] == [{"rule": "self || true"}]


class Union(Model):
    target: Target | Free


class Pair(Model):
    pair: tuple[int, str]


class Tree(Model):
    children: list["Tree"] = []


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (Union, r"spec\.target: a union \(Target \| Free\)"),
        (Pair, r"spec\.pair: .*prefixItems"),
        (Tree, r"spec\.children\[\]: Tree contains itself"),
    ],
)
def test_what_a_crd_cannot_say_is_refused_with_its_path(model: type[BaseModel], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        structural_schema(model, "spec")


class Status(Model):
    replicas: int = 0


def test_the_definition_around_the_schema() -> None:
    built = crd(
        Kind(
            group="example.org",
            version="v1alpha1",
            kind="Widget",
            plural="widgets",
            spec=Spec,
            status=Status,
            fields={"operation": Free},
            scale=Scale(),
            columns=(Column("Ready", ".status.ready"), Column("Age", ".metadata.creationTimestamp", "date", 1)),
            short_names=("wd",),
            rules=({"rule": "self.metadata.name.size() < 40", "message": "the name is too long"},),
            annotations={"helm.sh/resource-policy": "keep"},
        )
    )
    assert built["metadata"] == {
        "name": "widgets.example.org",
        "annotations": {"helm.sh/resource-policy": "keep"},
    }
    assert built["spec"]["names"]["shortNames"] == ["wd"]
    version = built["spec"]["versions"][0]
    assert set(version["subresources"]) == {"status", "scale"}
    assert version["additionalPrinterColumns"][1] == {
        "name": "Age",
        "jsonPath": ".metadata.creationTimestamp",
        "type": "date",
        "priority": 1,
    }
    root = version["schema"]["openAPIV3Schema"]
    assert set(root["properties"]) == {"apiVersion", "kind", "metadata", "spec", "status", "operation"}
    assert root["x-kubernetes-validations"][0]["message"] == "the name is too long"


def test_argo_kinds_have_no_status_subresource() -> None:
    built = crd(Kind("argoproj.io", "v1alpha1", "App", "apps", Spec, Status, status_subresource=False))
    assert "subresources" not in built["spec"]["versions"][0]
