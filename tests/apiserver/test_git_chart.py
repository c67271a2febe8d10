"""The Git server's chart against a real API: what is made once stays, and what is somebody else's is left alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from operators.kit.kube import KubeApi, Manifest, Ref
from tests.support.helm import Helm

CHART = Path(__file__).parents[2] / "charts" / "git"


@pytest.fixture
def install(kubeconfig: Path, namespace: str) -> Callable[..., str]:
    helm = Helm({"KUBECONFIG": str(kubeconfig)})

    def run(tag: str) -> str:
        values = {"image": {"tag": tag}, "engine": {"namespace": namespace}, "service": {"nodePort": None}}
        return helm("upgrade", "--install", "git", str(CHART), "--namespace", namespace, values=values)

    return run


@pytest.fixture
def uninstall(kubeconfig: Path, namespace: str) -> Callable[[], str]:
    return lambda: Helm({"KUBECONFIG": str(kubeconfig)})("uninstall", "git", "--namespace", namespace)


async def read(api: KubeApi, namespace: str, name: str) -> dict[str, str]:
    found = await api.get(Ref("", "Secret", namespace, name))
    assert found is not None
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def secret(namespace: str, name: str, **values: str) -> Manifest:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {**values}}


async def test_the_credential_is_made_once(api: KubeApi, namespace: str, install: Callable[..., str]) -> None:
    notes = install("1.0")
    made = await read(api, namespace, "git-credential")
    key = await read(api, namespace, "git-webhook")
    assert made["username"] == "amx"
    assert made["password"] not in notes
    install("1.1")
    assert await read(api, namespace, "git-credential") == made
    assert await read(api, namespace, "git-webhook") == key


async def test_secrets_that_are_there_are_used(api: KubeApi, namespace: str, install: Callable[..., str]) -> None:
    await api.create(secret(namespace, "git-credential", username="me", password="mine"))
    await api.create({**secret(namespace, "argocd-secret"), "stringData": {"webhook.github.secret": "the-key"}})
    install("1.0")
    install("1.1")
    assert await read(api, namespace, "git-credential") == {"username": "me", "password": "mine"}
    assert await read(api, namespace, "git-webhook") == {"secret": "the-key"}, "the engine's own"


async def test_the_history_outlives_the_release(
    api: KubeApi, namespace: str, install: Callable[..., str], uninstall: Callable[[], str]
) -> None:
    install("1.0")
    claim = Ref("", "PersistentVolumeClaim", namespace, "git-data")
    before = await api.get(claim)
    uninstall()
    install("1.1")
    after = await api.get(claim)
    assert before is not None
    assert after is not None
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
