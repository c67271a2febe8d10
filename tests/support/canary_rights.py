"""What the chart allows the canary operator, given to its ServiceAccount on a real API server.

In: the API with all rights, a namespace. Out: a kubeconfig with the operator's rights alone.
"""

from __future__ import annotations

from pathlib import Path

from cluster.local.settings import ROOT
from operators.kit.kube import KubeApi, Ref
from operators.kit.testing.controlplane import ControlPlane
from tests.support.helm import Helm
from tests.support.identity import kubeconfig_of

NAME = "canary-operator"
RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


async def rights_only(api: KubeApi, kubernetes: ControlPlane, namespace: str, folder: Path) -> Path:
    """Have the operator live in the namespace; returns the kubeconfig, in the folder."""
    for one in Helm().template_once(ROOT / "charts/platform", {"image": {"tag": "1.0"}}):
        if one["kind"] not in RIGHTS or NAME not in one["metadata"]["name"]:
            continue
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = namespace
        for subject in one.get("subjects") or ():
            subject["namespace"] = namespace
        await api.apply(one, field_manager="test", force=True)
    account = Ref("", "ServiceAccount", namespace, NAME)
    return await kubeconfig_of(api, kubernetes, account, folder)
