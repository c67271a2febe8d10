"""Install, upgrade, uninstall and install again, with the users' objects living through it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from operators.kit.errors import NotFound
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from tests.support.helm import ROOT, Helm

SYSTEM = ("--namespace", "automatrix-system", "--create-namespace")
PLATFORM: dict[str, Any] = {"image": {"tag": "1.0"}}
CRD = Ref("apiextensions.k8s.io", "CustomResourceDefinition", "", "applications.argoproj.io")
ENGINE = Ref("apps", "Deployment", "argocd", "gitops-engine")
SECRET = Ref("", "Secret", "argocd", "argocd-secret")
HOSTS = Ref("", "ConfigMap", "argocd", "argocd-ssh-known-hosts-cm")
APPLICATION: Manifest = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "mine", "namespace": "argocd"},
    "spec": {
        "project": "default",
        "source": {"repoURL": "https://example.org/a.git", "path": "a", "kustomize": {"namePrefix": "x-"}},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "mine"},
    },
}


def ref(manifest: Manifest) -> Ref:
    return Ref.of(manifest)


@pytest.fixture(autouse=True)
async def nothing_left(api: KubernetesApi, helm: Helm) -> AsyncIterator[None]:
    """Take away what an uninstall rightly leaves."""
    yield
    helm("uninstall", "platform", "--namespace", "automatrix-system", "--ignore-not-found", "--wait")
    for one in (ref(APPLICATION), CRD, SECRET, HOSTS):
        await api.delete(one)
    async with asyncio.timeout(60):
        while await api.get(CRD):
            await asyncio.sleep(0.1)


async def created(api: KubernetesApi, manifest: Manifest) -> None:
    """Create an object of a kind that has just been defined: the server takes a moment to serve it."""
    async with asyncio.timeout(60):
        while True:
            try:
                await api.create(manifest)
            except NotFound:
                await asyncio.sleep(0.1)
            else:
                return


async def key(api: KubernetesApi) -> bytes:
    secret = await api.get(SECRET)
    assert secret
    return base64.b64decode(secret["data"]["webhook.github.secret"])


def install(helm: Helm, chart: Path) -> str:
    return helm("upgrade", "--install", "platform", str(chart), *SYSTEM, values=PLATFORM)


async def test_the_users_objects_live_through_upgrade_uninstall_and_install(
    api: KubernetesApi, helm: Helm, charts: Path
) -> None:
    platform = charts / "platform"
    install(helm, platform)
    await created(api, APPLICATION)
    first_key = await key(api)

    definition = platform / "templates/crds/applications.argoproj.io.yaml"
    definition.write_text(definition.read_text().replace("shortNames:\n", "shortNames:\n    - deployed\n"))
    install(helm, platform)
    upgraded = await api.get(CRD)
    assert upgraded
    assert "deployed" in upgraded["spec"]["names"]["shortNames"], "a new definition comes with the chart"
    assert await api.get(ref(APPLICATION)), "an upgrade touches no Application"
    assert await key(api) == first_key, "an upgrade makes no new key"

    helm("uninstall", "platform", "--namespace", "automatrix-system", "--wait")
    assert await api.get(ENGINE) is None
    stored = await api.get(ref(APPLICATION))
    assert stored, "an uninstall takes no Application"
    assert stored["spec"] == APPLICATION["spec"], "what is not served here is stored as it was written"
    assert await key(api) == first_key, "an uninstall takes no key"

    install(helm, platform)
    assert await api.get(ENGINE)
    assert await api.get(ref(APPLICATION))
    assert await key(api) == first_key


async def test_what_another_product_brought_is_left_alone(api: KubernetesApi, helm: Helm) -> None:
    await theirs_in_place(api)

    notes = install(helm, ROOT / "charts/platform")

    crd = await api.get(CRD)
    assert crd
    assert crd["metadata"]["labels"] == {"theirs": "yes"}
    assert "left alone" in notes
    secret = await api.get(SECRET)
    assert secret
    assert secret["data"] == {"webhook.github.secret": base64.b64encode(b"theirs").decode()}
    hosts = await api.get(HOSTS)
    assert hosts
    assert hosts["data"] == {"ssh_known_hosts": "theirs"}
    assert "argocd-ssh-known-hosts-cm was here before" in notes
    helm("uninstall", "platform", "--namespace", "automatrix-system", "--wait")
    assert await api.get(CRD), "and it stays on uninstall"
    assert await api.get(SECRET)
    assert await api.get(HOSTS)


async def theirs_in_place(api: KubernetesApi) -> None:
    """Argo CD's definition, namespace, Secret and ConfigMap: all that this chart could touch."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Application", "listKind": "ApplicationList", "plural": "applications", "singular": "application"}
    spec = {"group": "argoproj.io", "names": names, "scope": "Namespaced", "versions": [version]}
    metadata = {"name": CRD.name, "labels": {"theirs": "yes"}}
    for one in (
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": CRD.kind, "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET.name, "namespace": "argocd"},
            "stringData": {"webhook.github.secret": "theirs"},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": HOSTS.name, "namespace": "argocd"},
            "data": {"ssh_known_hosts": "theirs"},
        },
    ):
        await api.apply(one, field_manager="argocd")


async def test_routes_live_through_upgrade_and_uninstall_of_the_gateway_api(
    api: KubernetesApi, helm: Helm, charts: Path
) -> None:
    definitions, gateway = charts / "gateway-api", charts / "gateway"
    helm("upgrade", "--install", "gateway-api", str(definitions), *SYSTEM)
    helm("upgrade", "--install", "gateway", str(gateway), "--namespace", "automatrix-gateway", "--create-namespace")
    route: Manifest = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "mine", "namespace": "default"},
        "spec": {"parentRefs": [{"name": "web", "namespace": "automatrix-gateway"}]},
    }
    await created(api, route)
    crd = Ref("apiextensions.k8s.io", "CustomResourceDefinition", "", "httproutes.gateway.networking.k8s.io")

    for path in (definitions / "files").glob("*.yaml"):
        path.write_text(path.read_text().replace("bundle-version: v1.4.1", "bundle-version: v1.4.2"))
    helm("upgrade", "gateway-api", str(definitions), "--namespace", "automatrix-system")
    upgraded = await api.get(crd)
    assert upgraded
    assert upgraded["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"] == "v1.4.2"

    helm("uninstall", "gateway-api", "--namespace", "automatrix-system", "--wait")
    assert await api.get(ref(route)), "an uninstall of the definitions takes no route"
    assert await api.get(Ref("gateway.networking.k8s.io", "Gateway", "automatrix-gateway", "web"))


@pytest.mark.parametrize("tag", ["1.0", "2.0"])
async def test_a_new_image_rolls_the_engine(api: KubernetesApi, helm: Helm, tag: str) -> None:
    helm("upgrade", "--install", "platform", str(ROOT / "charts/platform"), *SYSTEM, values={"image": {"tag": tag}})

    engine = await api.get(ENGINE)
    assert engine
    assert engine["spec"]["template"]["spec"]["containers"][0]["image"] == f"automatrix/platform:{tag}"
