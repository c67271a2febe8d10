"""The platform's own engine and Git server go away and come back: pushes are not lost, and no request fails."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amx.demo.traffic import Target, Traffic
from cluster.local.kubectl import Kubectl
from tests.support.git_server import PLAIN_GIT, Checkout

from .conftest import Cluster

Eventually = Callable[..., None]
Amx = Callable[..., subprocess.CompletedProcess[str]]
VALUES = "gitops/environments/staging/hub/values.yaml"
LIVE_S = 120.0


@pytest.fixture
def checkout(cluster: Cluster, tmp_path: Path) -> Checkout:
    """A clone of the platform's repository, as a developer has it."""
    credential = (cluster.settings.cluster_dir / "git-credential").read_text().split()[0]
    address = credential.rstrip("/").replace("%3a", ":")
    return Checkout.of(f"{address}/platform.git", tmp_path / "checkout")


@pytest.fixture
def traffic(cluster: Cluster) -> Iterator[Traffic]:
    """Requests to hub-staging; none of them may fail."""
    with Traffic(Target(f"http://127.0.0.1:{cluster.settings.http_port}/", "hub-staging.localhost")) as running:
        assert running.wait_until_answered(120)
        yield running
    tally = running.tally()
    assert tally.failed == 0, tally.reasons
    assert tally.sent > 50


def push(checkout: Checkout, message: str) -> tuple[str, str]:
    """Change the tenant's message; return the commit and what the push printed."""
    path = checkout.path / VALUES
    lines = path.read_text().splitlines(keepends=True)
    changed = [f"    HUB_MESSAGE: {message}\n" if line.lstrip().startswith("HUB_MESSAGE:") else line for line in lines]
    assert changed != lines
    path.write_text("".join(changed))
    checkout.git("commit", "--quiet", "--all", "--message", message)
    done = subprocess.run(
        ["git", "push", "origin", "HEAD:main"],
        cwd=checkout.path,
        env=PLAIN_GIT,
        capture_output=True,
        text=True,
        timeout=LIVE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return checkout.git("rev-parse", "HEAD"), done.stderr


def pods(kubectl: Kubectl, namespace: str, name: str) -> list[dict[str, Any]]:
    return kubectl.items("pods", f"--namespace={namespace}", f"--selector=app.kubernetes.io/name={name}")


def test_a_push_while_the_engine_is_down_is_picked_up_afterwards_and_its_receipt_says_so(
    kubectl: Kubectl, checkout: Checkout, traffic: Traffic, amx: Amx, eventually: Eventually
) -> None:
    engine = ("deployment", "gitops-engine", "--namespace=argocd")
    kubectl.run("scale", *engine, "--replicas=0")
    eventually(lambda: not pods(kubectl, "argocd", "gitops-engine"), "the engine is down")
    revision, printed = push(checkout, "pushed while the engine was down")
    assert "gitops" in printed
    kubectl.run("scale", *engine, "--replicas=1")
    assert traffic.wait_until_settled("pushed while the engine was down", LIVE_S), traffic.current()

    def told() -> bool:
        receipt = json.loads(amx("receipt", revision, "--output", "json").stdout or "{}")
        return any(
            one["name"] == "hub-staging" and one["state"] == "Healthy" for one in receipt.get("applications", [])
        )

    eventually(told, "the receipt tells that hub-staging is healthy")


def test_after_a_restart_of_the_git_server_pushes_go_on_and_nothing_is_lost(
    kubectl: Kubectl, checkout: Checkout, traffic: Traffic, eventually: Eventually
) -> None:
    head = checkout.git("rev-parse", "origin/main")
    before = {pod["metadata"]["uid"] for pod in pods(kubectl, "automatrix-system", "git")}
    assert before
    kubectl.run("delete", "pods", "--namespace=automatrix-system", "--selector=app.kubernetes.io/name=git")

    def answers() -> bool:
        command = ["git", "ls-remote", "origin", "refs/heads/main"]
        try:
            done = subprocess.run(
                command, cwd=checkout.path, env=PLAIN_GIT, capture_output=True, text=True, timeout=10, check=False
            )
        except subprocess.TimeoutExpired:
            return False  # a connection into the pod that was ending is never answered
        return head in done.stdout

    eventually(answers, "the Git server is back with its history", 120)
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in pods(kubectl, "automatrix-system", "git"))
    push(checkout, "pushed after the git server's restart")
    assert traffic.wait_until_settled("pushed after the git server's restart", LIVE_S), traffic.current()


def test_an_engine_that_is_killed_while_it_syncs_goes_on_and_no_request_fails(
    kubectl: Kubectl, checkout: Checkout, traffic: Traffic, eventually: Eventually
) -> None:
    kubectl.run("rollout", "status", "deployment/gitops-engine", "--namespace=argocd", "--timeout=90s", timeout_s=100)
    path = checkout.path / VALUES
    path.write_text(path.read_text().replace("HUB_MESSAGE:", "HUB_MESSAGE: killed in between #"))
    checkout.git("commit", "--quiet", "--all", "--message", "killed in between")
    with subprocess.Popen(
        ["git", "push", "--quiet", "origin", "HEAD:main"],
        cwd=checkout.path,
        env=PLAIN_GIT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as push_under_way:
        syncing = (
            "get",
            "application",
            "hub-staging",
            "--namespace=argocd",
            "--output=jsonpath={.status.sync.revision}",
        )
        revision = checkout.git("rev-parse", "HEAD")
        eventually(lambda: kubectl.run(*syncing) == revision, "the engine has begun")
        selector = "--selector=app.kubernetes.io/name=gitops-engine"
        kubectl.run("delete", "pods", "--namespace=argocd", selector, "--grace-period=0", "--force")
        assert push_under_way.wait(LIVE_S) == 0
    assert traffic.wait_until_settled("killed in between", LIVE_S), traffic.current()

    def healthy() -> bool:
        status = kubectl.read("get", "application", "hub-staging", "--namespace=argocd")["status"]
        phase = status["operationState"]["phase"]
        return (status["sync"]["status"], status["health"]["status"], phase) == ("Synced", "Healthy", "Succeeded")

    eventually(healthy, "hub-staging is Synced, Healthy, and its sync has succeeded", 120)
