"""Replicas that leave Git stay what they are: nobody who is to scale from now on finds one pod in place of three."""

from __future__ import annotations

from typing import Any

from operators.gitops import migration
from operators.gitops.diff import MANAGER
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi


def deployment(namespace: str, **spec: Any) -> Manifest:
    labels = {"app": "web"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "app:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": pods, **spec},
    }


async def test_a_workload_keeps_its_pods_when_git_no_longer_says_how_many(api: KubernetesApi, namespace: str) -> None:
    await api.apply(deployment(namespace, replicas=3), field_manager=MANAGER)
    wanted = deployment(namespace)
    live = await api.get(Ref.of(wanted))
    assert live is not None
    kept = migration.keeping_replicas(live, wanted, MANAGER)
    assert kept is not None
    await api.apply(kept, field_manager=f"{MANAGER}-replicas")
    applied = await api.apply(wanted, field_manager=MANAGER)
    assert applied["spec"]["replicas"] == 3
    assert migration.keeping_replicas(applied, wanted, MANAGER) is None, "once is enough"
    scaled = await api.patch(Ref.of(wanted), {"spec": {"replicas": 5}}, field_manager="kubectl-scale")
    assert scaled["spec"]["replicas"] == 5
    assert (await api.apply(wanted, field_manager=MANAGER))["spec"]["replicas"] == 5
