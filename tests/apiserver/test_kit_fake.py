"""FakeKubeApi beside the real API server: the same calls have the same effect, or planners' scenarios prove nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing import FakeKubeApi

FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.fake.automatrix.dev"},
    "spec": {
        "group": "fake.automatrix.dev",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"a": {"type": "integer"}, "b": FREE}},
                            "status": FREE,
                        },
                    }
                },
            }
        ],
    },
}


class Script:
    """Runs calls against one API and writes down what each of them did."""

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.told: list[Any] = []

    async def note(self, call: Awaitable[Manifest | bool | None]) -> Manifest:
        """Write down the effect of one call: the object without what differs from server to server, or the error."""
        try:
            result = await call
        except PlatformError as error:
            self.told.append(type(error).__name__)
            return {}
        self.told.append(shown(result) if isinstance(result, dict) else result)
        return result if isinstance(result, dict) else {}

    def config(self, data: dict[str, str] | None = None, **metadata: Any) -> Manifest:
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(metadata)}
        return manifest if data is None else {**manifest, "data": data}

    def thing(self, **fields: Any) -> Manifest:
        return {"apiVersion": "fake.automatrix.dev/v1", "kind": "Thing", "metadata": self.metadata({}), **fields}

    def metadata(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"name": "x", "namespace": self.namespace, **given}


def shown(manifest: Manifest) -> Manifest:
    """Return what two servers must agree on."""
    metadata = {
        key: value
        for key, value in manifest["metadata"].items()
        if key not in ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "managedFields")
    }
    metadata["deleting"] = "deletionTimestamp" in manifest["metadata"]
    metadata["owners"] = sorted(
        (entry["manager"], entry["operation"], str(sorted_deep(entry["fieldsV1"])))
        for entry in manifest["metadata"].get("managedFields") or ()
        # Who created by an ordinary write owns maps as well as their keys; the fake keeps to the keys.
        if entry["operation"] == "Apply"
    )
    # The server's own kinds leave out what is empty.
    rest = {key: value for key, value in manifest.items() if value != {}}
    return {**rest, "metadata": metadata}


def sorted_deep(value: Any) -> Any:
    return {key: sorted_deep(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


async def shared_and_released(run: Script) -> None:
    api, config = run.api, run.config
    await run.note(api.apply(config({"a": "1", "b": "1"}, labels={"l": "1"}), field_manager="m"))
    await run.note(api.apply(config({"a": "1", "c": "1"}), field_manager="n"))
    await run.note(api.apply(config({"b": "2"}), field_manager="m"))
    await run.note(api.apply(config({"c": "2"}), field_manager="m"))
    await run.note(api.apply(config({"c": "2"}), field_manager="m", force=True))
    await run.note(api.apply(config({}), field_manager="n"))
    await run.note(api.apply(config(), field_manager="m"))


async def taken_by_a_patch(run: Script) -> None:
    api = run.api
    await run.note(api.apply(run.thing(spec={"a": 1, "b": {"c": [1, 2]}}), field_manager="m"))
    ref = Ref.of(run.thing())
    await run.note(api.patch(ref, {"spec": {"a": 2}}, field_manager="hand"))
    await run.note(api.apply(run.thing(spec={"a": 1, "b": {"c": [1, 2]}}), field_manager="m"))
    await run.note(api.apply(run.thing(spec={"b": {"c": [3]}}), field_manager="m"))
    await run.note(api.apply(run.thing(spec={"a": 2, "b": {"c": [3]}}), field_manager="m"))
    await run.note(api.patch(ref, {"spec": {"b": None}}, field_manager="hand"))
    await run.note(api.apply(run.thing(spec={"a": 2}), field_manager="m"))
    await run.note(api.patch(ref, {"status": {"phase": "x"}}, field_manager="hand"))


async def finalizers_and_deletion(run: Script) -> None:
    api = run.api
    await run.note(api.apply(run.config(finalizers=["example.org/a"]), field_manager="m"))
    ref = Ref.of(run.config())
    await run.note(api.delete(ref, uid="not-this-one"))
    await run.note(api.delete(ref))
    await run.note(api.get(ref))
    await run.note(api.apply(run.config({"a": "1"}, finalizers=["example.org/a"]), field_manager="m"))
    await run.note(api.apply(run.config({"a": "1"}), field_manager="m"))
    await run.note(api.get(ref))
    await run.note(api.delete(ref))


async def ordinary_writes(run: Script) -> None:
    api = run.api
    made = await run.note(api.create(run.config({"a": "1"})))
    await run.note(api.create(run.config({"a": "1"})))
    ref = Ref.of(made)
    await run.note(api.patch(ref, [{"op": "add", "path": "/data/b", "value": "1"}], kind="json"))
    await run.note(api.patch(ref, [{"op": "test", "path": "/data/b", "value": "2"}], kind="json"))
    await run.note(api.patch(ref, [{"op": "remove", "path": "/data/none"}], kind="json"))
    await run.note(api.replace(made))
    await run.note(api.patch(ref, {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": None}))
    await run.note(api.patch(ref, {"data": {"a": None}, "metadata": {"annotations": {"n": "1"}}}))
    await run.note(api.patch(Ref("", "ConfigMap", run.namespace, "none"), {"data": {}}))
    await run.note(api.patch(ref, {"data": {}}, subresource="status"))


SCRIPTS = [shared_and_released, taken_by_a_patch, finalizers_and_deletion, ordinary_writes]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
async def test_the_fake_does_as_the_server_does(
    api: KubernetesApi,
    namespace: str,
    serve: Callable[[Manifest], Awaitable[None]],
    script: Callable[[Script], Awaitable[None]],
) -> None:
    await serve(CRD)
    fake = FakeKubeApi(namespaces=[namespace])
    await fake.apply(CRD, field_manager="test")
    real, faked = Script(api, namespace), Script(fake, namespace)
    await script(real)
    await script(faked)
    for number, (of_real, of_fake) in enumerate(zip(real.told, faked.told, strict=True)):
        assert json.dumps(of_fake, sort_keys=True) == json.dumps(of_real, sort_keys=True), f"call {number + 1}"


async def test_owned_objects_go_with_their_owner_in_both(api: KubernetesApi, namespace: str) -> None:
    fake = FakeKubeApi(namespaces=[namespace])
    for each in (api, fake):
        run = Script(each, namespace)
        owner = await each.create(run.config(name="owner"))
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
        child = await each.create(run.config(name="child", ownerReferences=[reference]))
        await each.delete(Ref.of(owner), propagation="Foreground")
        async with asyncio.timeout(60):
            while await each.get(Ref.of(child)) is not None or await each.get(Ref.of(owner)) is not None:
                await asyncio.sleep(0.05)
