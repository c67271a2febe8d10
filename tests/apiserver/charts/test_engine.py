"""The engine with the rights that its chart gives it, and no others, deploys what gitops/ holds."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import ControlPlane
from tests.support.helm import ROOT, Helm
from tests.support.identity import kubeconfig_of

URL = "http://git.automatrix-system.svc.cluster.local/platform.git"
ENVIRONMENTS = ("dev", "staging", "prod")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with what the Git server would hold; its manifests name it by its path."""
    work, bare = tmp_path / "work", tmp_path / "platform.git"
    for folder in ("charts", "gitops"):
        shutil.copytree(ROOT / folder, work / folder)
    for path in [*(work / "gitops/apps").glob("*.yaml"), work / "gitops/bootstrap/root.yaml"]:
        path.write_text(path.read_text().replace(URL, f"file://{bare}"))
    who = {f"GIT_{role}_{what}": "tests@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for arguments in (
        ("init", "--quiet", "--initial-branch=main", str(work)),
        ("-C", str(work), "add", "--all"),
        ("-C", str(work), "commit", "--quiet", "--message=Begin"),
        ("clone", "--quiet", "--bare", str(work), str(bare)),
    ):
        subprocess.run(["git", *arguments], env={**os.environ, **who}, check=True)
    return work


@pytest.fixture
async def engine(
    api: KubernetesApi, helm: Helm, kubernetes: ControlPlane, tmp_path: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The charts installed, and the engine running as its ServiceAccount."""
    system = ("--namespace", "automatrix-system", "--create-namespace")
    helm("upgrade", "--install", "gateway-api", str(ROOT / "charts/gateway-api"), *system)
    helm("upgrade", "--install", "platform", str(ROOT / "charts/platform"), *system, values={"image": {"tag": "1"}})
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    account = await kubeconfig_of(api, kubernetes, Ref("", "ServiceAccount", "argocd", "gitops-engine"), tmp_path)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "operators.gitops"),
        env={
            **os.environ,
            "KUBECONFIG": str(account),
            "GITOPS_ALLOW_FILE_REPOSITORIES": "true",
            "GITOPS_CACHE_DIR": str(tmp_path / "cache"),
            "GITOPS_PORT": str(port),
        },
        stderr=asyncio.subprocess.PIPE,
    )
    yield process
    if process.returncode is None:
        process.terminate()
    await process.communicate()


async def state(api: KubernetesApi, name: str) -> dict[str, Any]:
    found: Manifest = await api.get(Ref("argoproj.io", "Application", "argocd", name, "v1alpha1")) or {}
    status: dict[str, Any] = found.get("status") or {}
    return status


async def test_the_folder_is_deployed_with_the_charts_rights(
    api: KubernetesApi, engine: asyncio.subprocess.Process, repository: Path
) -> None:
    await api.create(yaml.safe_load((repository / "gitops/bootstrap/root.yaml").read_text()))
    names = ["bootstrap", *(f"hub-{environment}" for environment in ENVIRONMENTS)]

    statuses: dict[str, dict[str, Any]] = {}
    try:
        async with asyncio.timeout(180):
            while {one.get("sync", {}).get("status") for one in statuses.values()} != {"Synced"}:
                assert engine.returncode is None, (await engine.communicate())[1].decode()
                await asyncio.sleep(0.5)
                statuses = {name: await state(api, name) for name in names}
    except TimeoutError:
        conditions = {name: one.get("conditions") or one.get("operationState") for name, one in statuses.items()}
        pytest.fail(f"not all are Synced: {conditions}")

    assert not [one["conditions"] for one in statuses.values() if one.get("conditions")]
    for environment in ENVIRONMENTS:
        namespace = await api.get(Ref("", "Namespace", "", f"hub-{environment}"))
        assert namespace
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        for name in ("hub-api", "hub-worker"):
            assert await api.get(Ref("apps", "Deployment", f"hub-{environment}", name))
