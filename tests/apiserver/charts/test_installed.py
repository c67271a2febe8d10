"""Every chart on a real API server: accepted as it is, and its pods and rights judged by the server itself."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from operators.kit.errors import ApiError, Forbidden
from operators.kit.kube import Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import ControlPlane
from tests.support.helm import CHARTS, ROOT, Chart, Helm, Manifest, pod_templates
from tests.support.identity import kubeconfig_of

ACCOUNT = Ref("", "ServiceAccount", "argocd", "gitops-engine")
ENGINE = "system:serviceaccount:argocd:gitops-engine"
TRAEFIK = "system:serviceaccount:automatrix-gateway:traefik"
PROMETHEUS = "system:serviceaccount:automatrix-observability:prometheus"
NAMESPACES = {
    "gateway": "automatrix-gateway",
    "observability": "automatrix-observability",
    "service": "hub-dev",
}


def install(helm: Helm, chart: Chart) -> None:
    namespace = NAMESPACES.get(chart.name, "automatrix-system")
    helm("upgrade", "--install", chart.name, str(chart.path), "-n", namespace, "--create-namespace", values=chart.full)


@pytest.fixture(scope="module", autouse=True)
def installed(helm: Helm) -> None:
    """Install all charts once, the definitions first, each with every optional part turned on."""
    for chart in sorted(CHARTS, key=lambda one: one.name != "gateway-api"):
        install(helm, chart)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda one: one.name)
def test_the_server_accepts_the_chart_and_the_same_again(helm: Helm, chart: Chart) -> None:
    install(helm, chart)


@pytest.fixture
async def restricted(api: KubernetesApi) -> str:
    """Make a namespace that refuses what breaks the restricted standard, with its ServiceAccount in place."""
    name = "restricted"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await api.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, field_manager="tests"
    )
    async with asyncio.timeout(60):
        while await api.get(Ref("", "ServiceAccount", name, "default")) is None:
            await asyncio.sleep(0.1)
    return name


@pytest.mark.parametrize("chart", CHARTS, ids=lambda one: one.name)
async def test_pod_security_admission_lets_every_pod_in(
    api: KubernetesApi, helm: Helm, restricted: str, chart: Chart
) -> None:
    for owner, template in pod_templates(helm.template_once(chart.path, chart.full)):
        pod: Manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": owner.lower().replace("/", "-"), "namespace": restricted},
            "spec": {key: value for key, value in template["spec"].items() if key != "serviceAccountName"},
        }
        await api.apply(pod, field_manager="tests", dry_run=True)


@dataclass(frozen=True)
class Question:
    """Whether somebody may do something, and whether he should."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    allowed: bool

    def __str__(self) -> str:
        return f"{self.user.rpartition(':')[2]} {self.verb} {self.resource} in {self.namespace or 'the cluster'}"


QUESTIONS = [
    Question(ENGINE, "patch", "apps", "deployments", "hub-dev", True),
    Question(ENGINE, "create", "gateway.networking.k8s.io", "httproutes", "hub-dev", True),
    Question(ENGINE, "create", "", "namespaces", "", True),
    Question(ENGINE, "watch", "argoproj.io", "applications", "argocd", True),
    Question(ENGINE, "get", "", "secrets", "argocd", True),
    Question(ENGINE, "update", "coordination.k8s.io", "leases", "argocd", True),
    Question(ENGINE, "list", "apiextensions.k8s.io", "customresourcedefinitions", "", True),
    Question(ENGINE, "delete", "", "namespaces", "", False),
    Question(ENGINE, "get", "", "secrets", "hub-dev", False),
    Question(ENGINE, "create", "", "secrets", "argocd", False),
    Question(ENGINE, "create", "argoproj.io", "applications", "hub-dev", False),
    Question(ENGINE, "delete", "argoproj.io", "applications", "hub-dev", False),
    Question(ENGINE, "create", "rbac.authorization.k8s.io", "rolebindings", "argocd", False),
    Question(ENGINE, "escalate", "rbac.authorization.k8s.io", "clusterroles", "", False),
    Question(ENGINE, "impersonate", "", "users", "", False),
    Question(ENGINE, "list", "", "pods", "hub-dev", True),
    Question(ENGINE, "watch", "", "pods", "hub-dev", False),
    Question(ENGINE, "create", "", "pods", "hub-dev", False),
    Question(ENGINE, "delete", "apiextensions.k8s.io", "customresourcedefinitions", "", False),
    Question(TRAEFIK, "watch", "gateway.networking.k8s.io", "httproutes", "hub-dev", True),
    Question(TRAEFIK, "patch", "gateway.networking.k8s.io", "httproutes", "hub-dev", False),
    Question(TRAEFIK, "create", "", "pods", "hub-dev", False),
    Question(PROMETHEUS, "watch", "", "pods", "hub-dev", True),
    Question(PROMETHEUS, "get", "", "secrets", "automatrix-observability", False),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
async def test_rights(api: KubernetesApi, question: Question) -> None:
    """Ask the server's own authorizer."""
    attributes = {
        "verb": question.verb,
        "group": question.group,
        "resource": question.resource,
        "namespace": question.namespace,
    }
    review: dict[str, Any] = await api.create(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {"user": question.user, "groups": ["system:serviceaccounts"], "resourceAttributes": attributes},
        }
    )
    assert bool(review["status"]["allowed"]) is question.allowed


async def test_the_engines_rights_are_enough_for_the_sample_tenant(
    api: KubernetesApi, helm: Helm, kubernetes: ControlPlane, charts: Path
) -> None:
    shutil.copytree(ROOT / "gitops", charts.parent / "gitops")
    hub, values = charts.parent / "gitops/apps/hub", charts.parent / "gitops/environments/prod/hub"
    helm("dependency", "build", str(hub))
    files = ("--values", str(values / "values.yaml"), "--values", str(values / "release.yaml"))
    objects = helm.template(hub, {}, "hub", *files)
    namespace: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hub-dev"}}

    async with await KubernetesApi.connect(await kubeconfig_of(api, kubernetes, ACCOUNT, charts.parent)) as engine:
        for one in (namespace, *objects):
            await engine.apply(one, field_manager="argocd-controller")
            assert await engine.get(Ref.of(one))
        await engine.delete(Ref.of(objects[0]))
        with pytest.raises(Forbidden, match="cannot delete resource"):
            await engine.delete(Ref.of(namespace))


APPLICATION: Manifest = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "spec": {"project": "default", "destination": {}},
}


def config_map(namespace: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace}}


async def until_refused(engine: KubernetesApi, manifest: Manifest) -> str:
    """Apply until the server refuses, which it does a moment after the policy was made; return what it says."""
    async with asyncio.timeout(60):
        while True:
            try:
                await engine.apply(manifest, field_manager="argocd-controller", force=True)
            except ApiError as error:
                return str(error)
            await asyncio.sleep(0.2)


async def test_the_server_keeps_the_engine_out_of_protected_namespaces(
    api: KubernetesApi, kubernetes: ControlPlane, tmp_path: Path
) -> None:
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x", "namespace": "argocd"},
        "spec": {"ports": [{"port": 80}]},
    }
    labels = {"metadata": {"name": "kube-system", "labels": {"x": "y"}}}

    async with await KubernetesApi.connect(await kubeconfig_of(api, kubernetes, ACCOUNT, tmp_path)) as engine:
        assert "namespace kube-system is protected" in await until_refused(engine, config_map("kube-system"))
        assert "namespace automatrix-system is protected" in await until_refused(
            engine, config_map("automatrix-system")
        )
        assert "may not change services in its own namespace" in await until_refused(engine, service)
        assert "namespace kube-system is protected" in await until_refused(
            engine, {"apiVersion": "v1", "kind": "Namespace", **labels}
        )
        await engine.apply(config_map("hub-dev"), field_manager="argocd-controller")
        hosts = {"name": "argocd-ssh-known-hosts-cm", "namespace": "argocd"}
        assert "may not change configmaps in its own namespace argocd, but for its receipts" in await until_refused(
            engine, {**config_map("argocd"), "metadata": hosts, "data": {"ssh_known_hosts": "git.example ssh-rsa AAAA"}}
        )
        with pytest.raises(ApiError, match="may not change configmaps"):
            await engine.delete(Ref("", "ConfigMap", hosts["namespace"], hosts["name"]))
        elsewhere = {**APPLICATION, "metadata": {"name": "x", "namespace": "hub-dev"}}
        await api.create(elsewhere)
        with pytest.raises(ApiError, match="serves Applications in argocd only"):
            await engine.patch(Ref.of(elsewhere), {"spec": {"project": "other"}})
        await engine.patch(Ref.of(elsewhere), {"status": {"conditions": []}})
        receipt: Manifest = {
            **config_map("argocd"),
            "metadata": {"name": "receipt-0123456789ab", "namespace": "argocd"},
        }
        await engine.apply(receipt, field_manager="gitops-receipts")
        await engine.delete(Ref.of(receipt))
        mine = {**APPLICATION, "metadata": {"name": "x", "namespace": "argocd"}}
        await engine.apply(mine, field_manager="argocd-controller")


async def test_the_engine_goes_only_where_it_was_sent(
    api: KubernetesApi, helm: Helm, kubernetes: ControlPlane, tmp_path: Path
) -> None:
    [platform] = [chart for chart in CHARTS if chart.name == "platform"]
    narrow = {**platform.least, "gitops": {"destinationNamespaces": ["hub-*"]}}
    upgrade = ("upgrade", "platform", str(platform.path), "--namespace", "automatrix-system")
    helm(*upgrade, values=narrow)

    async with await KubernetesApi.connect(await kubeconfig_of(api, kubernetes, ACCOUNT, tmp_path)) as engine:
        assert "namespace default is no destination" in await until_refused(engine, config_map("default"))
        await engine.apply(config_map("hub-dev"), field_manager="argocd-controller")
    helm(*upgrade, values=platform.full)
