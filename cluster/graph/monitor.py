"""A resource monitor of our own: what the Pulumi engine is to a program, as far as a capture needs it.

In:  the registrations that the SDK sends.
Out: `Resource` values with plain inputs, and stand-ins for what only AWS could answer.

It calls nothing and knows nothing of an account: a program that asks for data (`aws.get_...`) is refused, because its
graph would depend on who asks. Pulumi's own mocks are not used; docs/decisions/0008 says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from google.protobuf import empty_pb2
from pulumi.resource import ResourceOptions, ResourceTransformArgs
from pulumi.runtime._callbacks import _CallbackServicer
from pulumi.runtime.proto import resource_pb2

from cluster.graph import expand_eks
from cluster.graph.model import Json, Reference, Resource, references
from cluster.graph.outputs import is_taggable, outputs
from cluster.graph.wire import decode, encode, resource_value

STACK = "pulumi:pulumi:Stack"
GET_RESOURCE = "pulumi:pulumi:getResource"
_FEATURES = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
)
"""Without output values: what an input depends on stands in it as references."""


class Refused(Exception):
    """The program does something that has no graph without an account."""


class Monitor:
    """Answers one run of the program; `resources` holds what it registered, by key."""

    def __init__(self, project: str, stack: str) -> None:
        self.resources: dict[str, Resource] = {}
        self._project = project
        self._stack = stack
        self._keys: dict[str, str] = {}
        self._outputs: dict[str, dict[str, Json]] = {}

    # What follows are the calls of Pulumi's protocol, under the protocol's names.

    def GetDeploymentInfo(self, _request: empty_pb2.Empty) -> resource_pb2.DeploymentInfo:  # noqa: N802
        """Say what this monitor understands."""
        return resource_pb2.DeploymentInfo(supportedFeatures=_FEATURES)

    def RegisterResource(  # noqa: N802
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Take a resource down and answer with stand-ins."""
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=self.urn("", request.type, request.name))
        inputs = decode(request.object, self._reference)
        dependencies = [
            *request.dependencies,
            *(urn for one in request.propertyDependencies.values() for urn in one.urns),
        ]
        referred = {one.key for one in references(inputs)}
        after = {self._keys[urn] for urn in dependencies if urn in self._keys} - referred
        resource = Resource(
            urn=self.urn(request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            inputs=inputs,
            after=tuple(sorted(after)),
            provider=self._provider(request.provider),
            component=self._keys.get(request.parent, ""),
            is_component=not request.custom,
            taggable=is_taggable(request.type),
            protect=request.protect,
            ignored=tuple(sorted(request.ignoreChanges)),
        )
        answers = self.add(resource)
        if request.remote:
            provider = self._provider(request.providers.get("aws", request.provider))
            answers = self._expand(resource, provider, _transforms(request))
        identity = f"${{{resource.key}:id}}" if request.custom else ""
        return resource_pb2.RegisterResourceResponse(urn=resource.urn, id=identity, object=encode(answers))

    def RegisterResourceOutputs(self, _request: object) -> empty_pb2.Empty:  # noqa: N802
        """Take no notice of a component's outputs."""
        return empty_pb2.Empty()

    def Invoke(  # noqa: N802
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        """Answer for a resource of this run; refuse everything else."""
        if request.tok != GET_RESOURCE:
            raise Refused(f"the program calls {request.tok}: what it answers depends on an account")
        urn = request.args["urn"]
        key = self._keys[urn]
        state = self._outputs[key]
        return resource_pb2.ResourceInvokeResponse(
            **{"return": encode({"urn": urn, "id": str(Reference(key, "id")), "state": state})}
        )

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> resource_pb2.ReadResourceResponse:  # noqa: N802
        """Refuse: what exists already is in no graph."""
        raise Refused(f"the program reads {request.type} {request.id}: it is in an account")

    def SignalAndWaitForShutdown(self, _request: empty_pb2.Empty) -> empty_pb2.Empty:  # noqa: N802
        """End at once."""
        return empty_pb2.Empty()

    # What follows is for those calls, and for expansions.

    def add(self, resource: Resource) -> dict[str, Json]:
        """Take a resource down; return what it answers."""
        if resource.key in self.resources:
            raise Refused(f"{resource.key} is registered twice")
        self.resources[resource.key] = resource
        self._keys[resource.urn] = resource.key
        answers = outputs(resource.type, resource.key, resource.inputs)
        self._outputs[resource.key] = answers
        return answers

    def urn(self, parent: str, token: str, name: str) -> str:
        """Return the URN that the engine would give: parents are in it, but not the stack."""
        above = parent.split("::")[2] if parent else STACK
        path = token if above == STACK else f"{above}${token}"
        return f"urn:pulumi:{self._stack}::{self._project}::{path}::{name}"

    def _reference(self, urn: str) -> str:
        key = self._keys[urn]
        return str(Reference(key, "urn" if self.resources[key].is_component else "id"))

    def _provider(self, reference: str) -> str:
        return self._keys.get(reference.rpartition("::")[0], "")

    def _expand(self, component: Resource, provider: str, transforms: list[Transform]) -> dict[str, Json]:
        if component.type != expand_eks.COMPONENT:
            raise Refused(f"{component.type} is a remote component whose children are not known here")
        children = expand_eks.children(component.name, component.inputs)
        for child in children:
            inputs = _transformed(child.type, child.name, child.inputs, transforms)
            parent = component
            if child.below:
                parent = self.resources[child.below]
            self.add(
                Resource(
                    urn=self.urn(parent.urn, child.type, child.name),
                    type=child.type,
                    name=child.name,
                    inputs=inputs,
                    after=child.after,
                    provider=provider if child.type.startswith("aws:") else "",
                    component=parent.key,
                    declared_by=expand_eks.DECLARED_BY,
                    is_component=child.type.startswith("eks:"),
                    taggable=is_taggable(child.type),
                )
            )
        cluster = self.resources[expand_eks.cluster_key(component.name)]
        reference = resource_value(cluster.urn, str(Reference(cluster.key, "id")))
        return {**component.inputs, **expand_eks.answers(cluster.key), "eksCluster": reference}


Transform = Callable[[ResourceTransformArgs], Any]


def _transforms(request: resource_pb2.RegisterResourceRequest) -> list[Transform]:
    """Return the functions that the program wants to see every child of a component."""
    by_token = {
        token: transform
        for servicer in _CallbackServicer._servicers  # noqa: SLF001 — as Pulumi's own mocks do
        for transform, token in servicer._transforms.items()  # noqa: SLF001
    }
    return [cast("Transform", by_token[callback.token]) for callback in request.transforms]


def _transformed(token: str, name: str, inputs: Mapping[str, Json], transforms: list[Transform]) -> Mapping[str, Json]:
    for transform in transforms:
        arguments = ResourceTransformArgs(
            custom=True, type_=token, name=name, props=dict(inputs), opts=ResourceOptions()
        )
        result = transform(arguments)
        if asyncio.iscoroutine(result):
            raise Refused(f"the transform of {name} is asynchronous")
        if result is not None:
            inputs = result.props
    return inputs
