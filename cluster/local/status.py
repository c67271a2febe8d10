"""Say what runs: nodes, releases, applications, addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cluster.local import applications, engine, hosttools, kind, releases, repository, serving
from cluster.local.applications import Application
from cluster.local.kubectl import Kubectl, Manifest
from cluster.local.progress import Progress
from cluster.local.settings import Settings


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node of the cluster."""

    name: str
    role: str
    running: bool
    ready: bool
    version: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseStatus:
    """One Helm release of the platform; ready when every workload of it is."""

    name: str
    namespace: str
    revision: int
    status: str
    ready: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What there is. Without a cluster the lists are empty; without an answer from it only the nodes are known."""

    cluster: str
    exists: bool
    answers: bool
    nodes: tuple[NodeStatus, ...] = ()
    releases: tuple[ReleaseStatus, ...] = ()
    applications: tuple[Application, ...] = ()
    urls: tuple[str, ...] = ()
    git_url: str = ""
    kubeconfig: Path | None = None
    credential_file: Path | None = None

    @property
    def is_fine(self) -> bool:
        """Whether all of it runs and is healthy (`amx status` exits 0; 3 otherwise)."""
        return (
            self.answers
            and all(node.ready for node in self.nodes)
            and all(release.ready and release.status == "deployed" for release in self.releases)
            and all(one.is_fine for one in self.applications)
        )


def status(settings: Settings, progress: Progress | None = None) -> Status:
    """Look at the cluster of these settings; starts nothing. Raises MachineError when it is another checkout's."""
    present = engine.find()
    found = kind.nodes(present, settings.cluster_name) if present else []
    kind.check_owner(settings, found)
    stopped = tuple(NodeStatus(node.name, node.role, node.running, ready=False) for node in found)
    if present is None and kind.owner_folder(settings).exists():  # the engine that holds it is stopped
        return Status(settings.cluster_name, exists=True, answers=False)
    if not found or not all(node.running for node in found) or not settings.kubeconfig.is_file():
        return Status(settings.cluster_name, bool(found), answers=False, nodes=stopped)
    tools = hosttools.ensure(settings, ("kubectl",), progress or Progress())
    kubectl = Kubectl.of(settings, tools["kubectl"])
    if not kubectl.answers():
        return Status(settings.cluster_name, exists=True, answers=False, nodes=stopped)
    return Status(
        settings.cluster_name,
        exists=True,
        answers=True,
        nodes=read_nodes(kubectl, found),
        releases=read_releases(kubectl),
        applications=tuple(applications.applications(kubectl)),
        urls=read_urls(kubectl, settings.http_port),
        git_url=repository.public_url(settings),
        kubeconfig=settings.kubeconfig,
        credential_file=repository.credential_file(settings),
    )


def read_nodes(kubectl: Kubectl, found: list[kind.Node]) -> tuple[NodeStatus, ...]:
    """Join the containers with what their kubelets say."""
    listed = {item["metadata"]["name"]: item for item in kubectl.items("nodes")}

    def one(node: kind.Node) -> NodeStatus:
        seen: Manifest = listed.get(node.name, {}).get("status") or {}
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in seen.get("conditions") or ())
        return NodeStatus(
            node.name, node.role, node.running, ready, (seen.get("nodeInfo") or {}).get("kubeletVersion", "")
        )

    return tuple(one(node) for node in found)


def read_releases(kubectl: Kubectl) -> tuple[ReleaseStatus, ...]:
    """List the platform's releases; one is ready when every workload that names it is."""
    lacking = {
        release_of(item)
        for item in kubectl.items(serving.WORKLOADS, "--all-namespaces")
        if not serving.read_workload(item).is_ready
    }
    return tuple(
        ReleaseStatus(one.name, one.namespace, one.revision, one.status, (one.namespace, one.name) not in lacking)
        for one in releases.of_platform(releases.installed(kubectl))
    )


def release_of(item: Manifest) -> tuple[str, str]:
    """Return namespace and name of the release that an object names as its own; empty when it names none."""
    annotations = item["metadata"].get("annotations") or {}
    return annotations.get("meta.helm.sh/release-namespace", ""), annotations.get("meta.helm.sh/release-name", "")


def read_urls(kubectl: Kubectl, port: int) -> tuple[str, ...]:
    """List the addresses that the Gateway serves, from the hostnames of all routes."""
    hosts = {
        host
        for item in kubectl.items("httproutes.gateway.networking.k8s.io", "--all-namespaces")
        for host in item["spec"].get("hostnames") or ()
        if not host.startswith("*")
    }
    return tuple(f"http://{host}:{port}/" for host in sorted(hosts))
