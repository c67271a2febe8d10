"""`amx status` judges the platform: releases of the user's play no part, and each release is judged by its own pods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.local.kubectl import Kubectl, Manifest
from cluster.local.status import read_releases


class Answering(Kubectl):
    """A kubectl whose answers are given."""

    releases = ""
    workloads: list[Manifest] = []  # noqa: RUF012 - set by the test that asks

    def run(self, *arguments: str, timeout_s: float = 60) -> str:
        return self.releases

    def items(self, *arguments: str) -> list[Manifest]:
        return self.workloads


def workload(namespace: str, release: str, *, ready: bool) -> dict[str, Any]:
    notes = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return {
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": release, "generation": 1, "annotations": notes},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "readyReplicas": int(ready), "updatedReplicas": 1},
    }


def test_releases_of_the_users_do_not_count_even_by_the_same_name() -> None:
    Answering.releases = (
        "automatrix-system git 1 deployed abc\n"
        "automatrix-system platform 2 deployed abc\n"
        "mine git 3 failed <no value>\n"
        "mine shop 1 failed <no value>\n"
    )
    Answering.workloads = [
        workload("mine", "git", ready=False),
        workload("automatrix-system", "git", ready=True),
        workload("automatrix-system", "platform", ready=False),
        {"kind": "Deployment", "metadata": {"namespace": "x", "name": "y", "generation": 1}, "spec": {}},
    ]
    found = {(one.namespace, one.name): one.ready for one in read_releases(Answering(Path("kubectl"), Path("config")))}
    assert found == {("automatrix-system", "git"): True, ("automatrix-system", "platform"): False}
