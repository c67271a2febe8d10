"""The local cluster: brought up twice it is the same, every node resolves and reaches, and what breaks is named."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.local import down, kind, releases, repository, up
from cluster.local.doctor import doctor
from cluster.local.errors import CommandFailed, MachineError
from cluster.local.kubectl import Kubectl
from cluster.local.progress import Progress
from cluster.local.status import status
from operators.kit.kube import Manifest

from .conftest import WORKERS, Answer, Cluster

Eventually = Callable[..., None]
# What a shell has in which nobody has said anything about the cluster.
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("AMX_", "KUBE"))}


def server(name: str, image: str, node: str) -> list[dict[str, Any]]:
    """Return a pod on a node that answers HTTP on 8000, and its Service."""
    labels = {"app": name}
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "nodeSelector": {"kubernetes.io/hostname": node},
                "tolerations": [{"operator": "Exists"}],
                "containers": [
                    {
                        "name": "main",
                        "image": image,
                        "command": ["python3", "-m", "http.server", "8000"],
                        "workingDir": "/etc/ssl",
                        "readinessProbe": {"httpGet": {"port": 8000}, "periodSeconds": 1},
                    }
                ],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"{name}-service"},  # a pod knows its own name from its hosts file
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]},
        },
    ]


def fetches(kubectl: Kubectl, namespace: str, source: str, target: str) -> bool:
    """Whether a pod gets an answer from a Service, by its short name."""
    script = f"import urllib.request as u; u.urlopen('http://{target}-service/', timeout=3); print('answered')"
    try:
        return "answered" in kubectl.run("exec", f"--namespace={namespace}", source, "--", "python3", "-c", script)
    except CommandFailed:
        return False


def settled(item: Manifest) -> tuple[str, ...]:
    """What no controller writes on its own: an Application's status counts in its generation, receipts go on."""
    if item["kind"] == "Application":
        return (json.dumps(item["spec"]),)
    if item["metadata"]["name"].startswith("receipt-"):
        return ()
    return (str(item["metadata"].get("generation")), json.dumps(item.get("data")))


def fingerprint(cluster: Cluster) -> dict[str, Any]:
    """Everything that a second `up` must leave as it is."""
    ids = cluster.docker("ps", "--quiet", "--no-trunc", f"--filter=label={kind.LABEL}={cluster.settings.cluster_name}")
    kinds = "deployments,daemonsets,statefulsets,services,secrets,configmaps,storageclasses,applications.argoproj.io"
    objects = cluster.kubectl.items(kinds, "--all-namespaces")
    return {
        "containers": sorted(ids.split()),
        "releases": {name: one.revision for name, one in releases.installed(cluster.kubectl).items()},
        "objects": {
            (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): (
                item["metadata"]["uid"],
                *settled(item),
            )
            for item in objects
        },
        "kubeconfig": cluster.settings.kubeconfig.read_text(),
    }


def test_up_again_changes_nothing(cluster: Cluster) -> None:
    before = fingerprint(cluster)
    again = up.up(cluster.settings, progress=Progress())
    assert not again.created
    assert not again.seeded
    assert again.changed == ()
    assert fingerprint(cluster) == before


def test_the_users_kubectl_is_left_alone(cluster: Cluster) -> None:
    assert cluster.settings.kubeconfig.stat().st_mode & 0o777 == 0o600
    users = Path.home() / ".kube" / "config"
    assert not users.exists() or cluster.settings.cluster_name not in users.read_text()


def test_status_says_that_all_is_well(cluster: Cluster) -> None:
    found = status(cluster.settings)
    assert found.is_fine, found
    assert [node.name for node in found.nodes] == cluster.nodes
    assert {"gateway", "git", "platform", "moto", "observability"} <= {release.name for release in found.releases}
    assert found.credential_file is not None
    assert found.credential_file.stat().st_mode & 0o777 == 0o600


def test_the_gateway_and_the_git_server_answer_on_the_host(cluster: Cluster, gateway: Callable[..., Answer]) -> None:
    assert gateway("nobody.localhost").status == 404
    asked = repository.git(
        repository.environment(cluster.settings), "ls-remote", repository.url(cluster.settings), "refs/heads/main"
    )
    assert "refs/heads/main" in asked


def test_pods_of_every_node_resolve_and_reach_services_of_every_node(
    cluster: Cluster, kubectl: Kubectl, namespace: str, platform_image: str, eventually: Eventually
) -> None:
    names = [f"on-{number}" for number in range(len(cluster.nodes))]
    for name, node in zip(names, cluster.nodes, strict=True):
        kubectl.apply(server(name, platform_image, node), f"--namespace={namespace}")
    kubectl.run(
        "wait", f"--namespace={namespace}", "--for=condition=Ready", "pod", "--all", "--timeout=60s", timeout_s=70
    )
    for source in names:
        for target in names:
            # A pod is ready before every node has programmed it into its Services.
            eventually(partial(fetches, kubectl, namespace, source, target), f"{source} reaches {target}", 20)


def test_top_shows_every_node(cluster: Cluster, kubectl: Kubectl, eventually: Eventually) -> None:
    def shown() -> bool:
        try:
            return all(node in kubectl.run("top", "nodes") for node in cluster.nodes)
        except CommandFailed:  # metrics-server has not scraped a node that was just started
            return False

    eventually(shown, "kubectl top nodes lists every node", 120)


def test_the_doctor_finds_nothing_and_then_names_what_is_broken_with_the_command_that_mends_it(
    cluster: Cluster, kubectl: Kubectl, eventually: Eventually
) -> None:
    def problems() -> dict[str, str]:
        return {check.name: check.command for check in doctor(cluster.settings) if not check.ok}

    eventually(lambda: problems() == {}, "all is well", 120)
    kubectl.run("scale", "--namespace=kube-system", "deployment", "coredns", "--replicas=0")
    dns = {f"{node}: DNS" for node in cluster.nodes}
    eventually(lambda: dns <= problems().keys(), "the doctor misses DNS on every node")
    (command,) = {command for name, command in problems().items() if name in dns}
    subprocess.run(["sh", "-c", command], env=BARE, check=True, capture_output=True, timeout=60)
    eventually(lambda: problems() == {}, "after the command all is well")
    credential = repository.credential_file(cluster.settings)
    credential.write_text(repository.credential(cluster.settings, "wrong"))
    command = problems()["git credential"]
    assert repository.credential(cluster.settings, "wrong") == credential.read_text(), "a refused login erases nothing"
    subprocess.run(["sh", "-c", command], env=BARE, check=True, capture_output=True, timeout=300)
    assert problems() == {}


def test_a_cluster_of_another_checkout_is_left_alone(cluster: Cluster, tmp_path: Path) -> None:
    other = replace(cluster.settings, state_dir=tmp_path / ".amx")
    (tmp_path / ".amx").mkdir()
    for attempt in (
        lambda: up.up(other, progress=Progress(quiet=True)),
        lambda: down.down(other, Progress(quiet=True)),
    ):
        with pytest.raises(MachineError, match=r"belongs to .*choose another name and ports: AMX_CLUSTER_NAME"):
            attempt()
    assert all(node.running for node in kind.nodes(cluster.engine, cluster.settings.cluster_name))


def test_a_different_number_of_workers_is_not_made_by_surprise(cluster: Cluster) -> None:
    with pytest.raises(MachineError, match=f"--workers {WORKERS}, or make it anew, which loses what it stores"):
        up.up(cluster.settings, WORKERS - 1, Progress(quiet=True))
