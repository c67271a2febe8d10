"""Log in as a ServiceAccount: with its token, and with its rights only."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import yaml

from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.testing.controlplane import ControlPlane


async def kubeconfig_of(api: KubeApi, kubernetes: ControlPlane, account: Ref, folder: Path) -> Path:
    """Write a kubeconfig into the folder that holds a token of the account, and return its path."""
    metadata = {
        "name": f"{account.name}-token",
        "namespace": account.namespace,
        "annotations": {"kubernetes.io/service-account.name": account.name},
    }
    secret: Manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    await api.apply({**secret, "type": "kubernetes.io/service-account-token"}, field_manager="tests")
    async with asyncio.timeout(60):
        while not (filled := await api.get(Ref.of(secret))) or "token" not in filled.get("data", {}):
            await asyncio.sleep(0.1)
    config = yaml.safe_load(kubernetes.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": base64.b64decode(filled["data"]["token"]).decode()}
    path = folder / f"{account.name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
