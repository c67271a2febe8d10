"""What an Application asks for in vain: it is named in a condition, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from operators.gitops.models import parse, unserved
from operators.gitops.strangers import Strangers
from operators.kit.kube import Manifest, Ref
from tests.support.gitops_world import World, application, config, manifest

HOSTS = Ref("", "ConfigMap", "argocd", "argocd-ssh-known-hosts-cm")
TO_OWN: dict[str, Any] = {"destination": {"name": "in-cluster", "namespace": "argocd"}}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        pytest.param(TO_OWN, config(HOSTS.name), id="by the destination"),
        pytest.param({}, config(HOSTS.name, namespace="argocd"), id="by its own words"),
        pytest.param({}, config("receipt-0123456789ab", namespace="argocd"), id="a forged receipt"),
        pytest.param({}, manifest("Namespace", "argocd"), id="the namespace itself"),
    ],
)
async def test_what_the_engine_trusts_is_not_rewritten_by_a_push(
    world: World, spec: dict[str, Any], wanted: Manifest
) -> None:
    world.api.seed({**config(HOSTS.name, "trusted"), "metadata": {"name": HOSTS.name, "namespace": "argocd"}})
    world.git.commit(web=[wanted])
    await world.create(application(automated={"prune": True}, **spec))

    text = world.conditions()["ComparisonError"]
    assert "only Applications may be deployed to the engine's own namespace argocd" in text
    assert wanted["metadata"]["name"] in text
    found = world.api.find(HOSTS)
    assert found is not None
    assert found["data"] == {"value": "trusted"}


async def test_the_own_namespace_gets_no_labels_from_an_application(world: World) -> None:
    world.git.commit(web=[])
    labels = {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}
    policy = {"managedNamespaceMetadata": labels, "syncOptions": ["CreateNamespace=true"]}
    await world.create(application(automated={"allowEmpty": True}, policy=policy, **TO_OWN))

    assert "spec.syncPolicy.managedNamespaceMetadata: " in world.conditions()["InvalidSpecError"]
    found = world.api.find(Ref("", "Namespace", "", "argocd"))
    assert found is not None
    assert not found["metadata"].get("labels")


async def test_an_app_of_apps_still_makes_applications(world: World) -> None:
    world.git.commit(web=[{**application("child"), "metadata": {"name": "child"}}], child=[config("a")])
    await world.create(application(automated={}, **TO_OWN))

    assert world.app("child")


async def test_an_application_is_not_deployed_where_nobody_serves_it(world: World) -> None:
    child = {**application("child"), "metadata": {"name": "child", "namespace": "shop"}}
    world.git.commit(web=[child])
    await world.create(application(automated={}))

    text = world.conditions()["ComparisonError"]
    assert "this engine serves Applications in its own namespace argocd only" in text


async def test_an_application_elsewhere_is_told_once_that_nobody_serves_it(world: World) -> None:
    mine, theirs = application("mine"), application("theirs")
    theirs["metadata"]["namespace"] = "shop"
    served = {**application("served"), "status": {"sync": {"status": "Synced"}}}
    served["metadata"]["namespace"] = "shop"
    for one in (mine, theirs, served):
        await world.api.create(one)
    strangers = Strangers(world.api, "argocd", now=lambda: world.now)

    await strangers.look()
    assert not [call for call in world.api.writes if call.verb == "patch"], "another engine may be about to look at it"
    for _ in range(3):
        await strangers.look()

    found = world.api.find(Ref.of(theirs))
    assert found is not None
    assert found["status"]["conditions"] == [
        {
            "type": "InvalidSpecError",
            "message": "Applications in namespace shop are not served by this engine: create it in argocd",
            "lastTransitionTime": "2026-01-01T12:00:00Z",
        }
    ]
    assert [call.ref for call in world.api.writes if call.verb == "patch"] == [Ref.of(theirs)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (
            {"syncPolicy": {"managedNamespaceMetadata": {"labls": {"a": "b"}}}},
            "spec.syncPolicy.managedNamespaceMetadata.labls",
        ),
        ({"syncPolicy": {"retry": {"backoff": {"factr": 2}}}}, "spec.syncPolicy.retry.backoff.factr"),
        ({"source": {"helm": {"parameters": [{"name": "a"}, {"nam": "b"}]}}}, "spec.source.helm.parameters[1].nam"),
        ({"source": {"helm": {"fileParameters": [{"file": "b"}]}}}, "spec.source.helm.fileParameters[0].file"),
        ({"source": {"directory": {"leaveOut": "x"}}}, "spec.source.directory.leaveOut"),
        ({"info": [{"name": "a", "val": "b"}]}, "spec.info[0].val"),
        ({"ignoreDifferences": [{"kind": "Job", "jsonPointer": ["/a"]}]}, "spec.ignoreDifferences[0].jsonPointer"),
        ({"destination": {"space": "x"}}, "spec.destination.space"),
    ],
)  # fmt: skip
async def test_a_field_that_nobody_knows_is_named_however_deep_it_stands(
    world: World, change: dict[str, Any], field: str
) -> None:
    world.git.commit(web=[config("a")])
    app = application()
    for name, value in change.items():
        app["spec"][name] = {**app["spec"].get(name, {}), **value} if isinstance(value, dict) else value
    await world.create(app)

    assert world.conditions() == {"UnservedWarning": f"{field} is not served yet by this engine: remove it"}


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ({"sync": {"syncStrategy": {"applied": {"force": True}}}}, "operation.sync.syncStrategy.applied"),
        ({"sync": {"resources": [{"kind": "ConfigMap", "nme": "a"}]}}, "operation.sync.resources[0].nme"),
        ({"sync": {}, "retry": {"lim": 1}}, "operation.retry.lim"),
        ({"sync": {}, "force": True}, "operation.force"),
    ],
)
def test_a_field_of_an_operation_that_nobody_knows_is_named(operation: dict[str, Any], field: str) -> None:
    found = unserved(parse({**application(), "operation": operation}))

    assert [(entry.field, entry.blocking) for entry in found] == [(field, False)]


def test_a_source_of_an_operation_is_served_as_little_as_one_of_the_spec() -> None:
    source = {"repoURL": "https://git.example/a.git", "path": "a", "kustomize": {"namePrefix": "x"}}
    [found] = unserved(parse({**application(), "operation": {"sync": {"source": source}}}))

    assert (found.field, found.blocking) == ("operation.sync.source.kustomize", True)


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        ("compare-options: ServerSideDiff=false", "compare option ServerSideDiff=false is not served"),
        ("compare-options: IncludeMutationWebhook=true", "compare option IncludeMutationWebhook=true is not served"),
        ("compare-options: IgnoreExtraneos", "compare option IgnoreExtraneos=true is not served"),
        ("sync-wave: first", "sync wave 'first' is no whole number: it counts as 0"),
        ("sync-wave: 1.5", "sync wave '1.5' is no whole number: it counts as 0"),
        ("compare-options: IgnoreExtraneous,ServerSideDiff=true", ""),
        ("sync-wave: -5", ""),
    ],
)
async def test_what_an_object_asks_for_in_vain_is_told(world: World, annotation: str, told: str) -> None:
    name, _, value = annotation.partition(": ")
    annotations = {f"argocd.argoproj.io/{name}": value}
    world.git.commit(web=[config("a", annotations=annotations), config("b", annotations=annotations)])
    await world.create(application(automated={}))

    assert world.has("ConfigMap", "a")
    text = world.conditions().get("UnservedWarning", "")
    assert text.startswith(f"ConfigMap shop/a and 1 more: {told}") if told else not text
