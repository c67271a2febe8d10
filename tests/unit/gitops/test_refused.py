"""What an Application asks for in vain: it is named in a condition, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from operators.kit.kube import Manifest, Ref
from tests.support.gitops_world import World, application, config, manifest

HOSTS = Ref("", "ConfigMap", "argocd", "argocd-ssh-known-hosts-cm")
TO_OWN = {"destination": {"name": "in-cluster", "namespace": "argocd"}}


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
