"""Logging in as a pod does: by a service account whose token is rotated under the running process."""

import asyncio
from pathlib import Path

import pytest

from operators.kit import login
from operators.kit.errors import Forbidden
from operators.kit.kube import Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import ControlPlane


@pytest.fixture
async def token_file(
    api: KubernetesApi, kubernetes: ControlPlane, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "pod", "namespace": namespace}}
    await api.apply(account, field_manager="test")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/pod/token"
    answer = await api._json("POST", path, body=request)
    file = tmp_path / "token"
    file.write_text(answer["status"]["token"])
    host, _, port = kubernetes.url.removeprefix("https://").partition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr(login, "SERVICE_TOKEN_FILENAME", str(file))
    monkeypatch.setattr(login, "SERVICE_CERT_FILENAME", str(kubernetes.pki / "ca.crt"))
    return file


async def test_a_pod_is_who_its_service_account_is_and_may_what_that_may(token_file: Path, namespace: str) -> None:
    async with await KubernetesApi.connect() as pod:
        assert (await pod.discover()).complete
        with pytest.raises(Forbidden, match=f"system:serviceaccount:{namespace}:pod"):
            await pod.list("", "v1", "Secret", namespace=namespace)


async def test_a_token_that_was_rotated_is_read_again(token_file: Path, namespace: str) -> None:
    good = token_file.read_text()
    token_file.write_text("expired")
    async with await KubernetesApi.connect() as pod:
        token_file.write_text(good)
        assert (await pod.discover()).complete


async def test_many_requests_that_meet_an_expired_token_at_once_all_take_the_new_one(token_file: Path) -> None:
    good = token_file.read_text()
    token_file.write_text("expired")
    async with await KubernetesApi.connect() as pod:
        token_file.write_text(good)
        answers = await asyncio.gather(*(pod._json("GET", "/apis") for _ in range(8)))
        assert len(answers) == 8


async def test_a_token_nobody_accepts_is_forbidden(token_file: Path, namespace: str) -> None:
    token_file.write_text("expired")
    async with await KubernetesApi.connect() as pod:
        with pytest.raises(Forbidden) as raised:
            await pod.get(Ref("", "ConfigMap", namespace, "c"))
        assert raised.value.status == 401


async def test_no_credentials_at_all(tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match="cannot log in"):
        await KubernetesApi.connect(tmp_path / "none")
