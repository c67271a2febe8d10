"""The kind cluster of these settings: its node containers, and who they belong to.

All state is in the containers themselves. A cluster whose making was interrupted lacks the mark that is set last, and
is made anew; one of another checkout is known by the folder mounted into it, and is left alone.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from cluster.local import state
from cluster.local.commands import Command, output, run
from cluster.local.engine import Engine
from cluster.local.errors import CommandFailed, MachineError
from cluster.local.settings import Settings

LABEL = "io.x-k8s.kind.cluster"
DELETE_S = 600
"""A busy machine takes minutes to end all that runs in several nodes."""
ROLE = "io.x-k8s.kind.role"
OWNER = "/kind/automatrix"
"""Where an empty folder of the checkout is mounted: so `docker inspect` tells whose cluster it is, even stopped."""
MADE = "/kind/automatrix-made"
"""The mark of a cluster that was made to the end."""
HTTP_NODE_PORT = 30080
GIT_NODE_PORT = 30081
CREATE_S = 300


@dataclass(frozen=True, slots=True)
class Node:
    """One node container; `ports` are host ports by container port, `owner` the cluster folder of its checkout."""

    name: str
    role: str
    running: bool
    address: str
    ports: dict[int, int]
    owner: Path | None


def nodes(engine: Engine, name: str) -> list[Node]:
    """List the node containers of a cluster, the control plane first; empty when there is none."""
    listed = output(engine.command("ps", "--all", "--quiet", f"--filter=label={LABEL}={name}")).split()
    if not listed:
        return []
    try:
        inspected = json.loads(output(engine.command("inspect", *listed)))
    except CommandFailed as failure:
        if "No such" in failure.output:  # one went between the two questions
            return nodes(engine, name)
        raise
    return sorted((read_node(item) for item in inspected), key=lambda node: (node.role, node.name))


def read_node(item: dict[str, Any]) -> Node:
    """Read what `docker inspect` says of a node container."""
    labels = item["Config"]["Labels"]
    bindings = item["HostConfig"].get("PortBindings") or {}
    networks = list((item["NetworkSettings"].get("Networks") or {}).values())
    owners = [mount["Source"] for mount in item.get("Mounts") or () if mount["Destination"] == OWNER]
    return Node(
        item["Name"].lstrip("/"),
        labels.get(ROLE, ""),
        item["State"]["Running"],
        networks[0].get("IPAddress", "") if networks else "",
        {int(inside.split("/")[0]): int(outside[0]["HostPort"]) for inside, outside in bindings.items() if outside},
        Path(owners[0]) if owners else None,
    )


def check_owner(settings: Settings, found: list[Node]) -> None:
    """Raise MachineError when the cluster of this name is not this checkout's."""
    if not found:
        return
    owner = found[0].owner
    if owner == owner_folder(settings):
        return
    whose = f"belongs to {owner.parent}" if owner else "was not made by amx"
    remedy = "choose another name and ports: AMX_CLUSTER_NAME, AMX_HTTP_PORT, AMX_GIT_PORT"
    if is_abandoned(owner):  # a checkout that was moved
        whose += ", which is gone"
        remedy = f"remove it with what it stores: amx down; or {remedy}"
    raise MachineError(f"a cluster named {settings.cluster_name} exists and {whose}", remedy)


def is_abandoned(owner: Path | None) -> bool:
    """Whether the checkout a cluster belongs to is no more: then anybody may remove it."""
    return owner is not None and not owner.parent.parent.exists()


def check_shape(settings: Settings, found: list[Node], workers: int | None) -> None:
    """Raise MachineError when the cluster is not as asked for and could only be so by making it anew."""
    anew = "make it anew, which loses what it stores, the Git history too: amx down"
    present = sum(node.role == "worker" for node in found)
    if workers is not None and workers != present:
        raise MachineError(
            f"the cluster has {present} workers, {workers} are asked for", f"--workers {present}, or {anew}"
        )
    ports = found[0].ports
    for setting, inside, wanted in (
        ("AMX_HTTP_PORT", HTTP_NODE_PORT, settings.http_port),
        ("AMX_GIT_PORT", GIT_NODE_PORT, settings.git_port),
    ):
        if ports.get(inside) != wanted:
            raise MachineError(
                f"the cluster answers on port {ports.get(inside)}, {setting} is {wanted}",
                f"set {setting}={ports.get(inside)}, or {anew}",
            )


def is_made(engine: Engine, found: list[Node]) -> bool:
    """Whether running nodes are a cluster that was made to the end."""
    try:
        output(engine.command("exec", found[0].name, "test", "-e", MADE))
    except CommandFailed:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Making:
    """What a cluster is made with; kind holds on to the lock for as long as it runs."""

    kind: Path
    config: dict[str, Any]
    image: str
    lock: IO[str]


def create(settings: Settings, engine: Engine, making: Making) -> None:
    """Make the cluster and its kubeconfig; raises CommandFailed, and leaves the failed nodes' logs beside it."""
    state.claim(settings)
    state.record_ports(settings)
    owner_folder(settings).mkdir(exist_ok=True)
    path = settings.cluster_dir / "kind.yaml"
    path.write_text(yaml.safe_dump(making.config, sort_keys=False))
    run(
        Command(
            [
                *(making.kind, "create", "cluster", f"--name={settings.cluster_name}", f"--image={making.image}"),
                *(f"--config={path}", f"--kubeconfig={settings.kubeconfig}", "--retain"),
            ],
            title="kind create cluster",
            env={**engine.env, "KIND_EXPERIMENTAL_DOCKER_NETWORK": network(settings.cluster_name)},
            log=settings.cluster_dir / "logs" / "kind-create.log",
            keep=(making.lock,),
        )
    )
    (owner_folder(settings) / "addresses.json").write_text(
        json.dumps({node.name: node.address for node in nodes(engine, settings.cluster_name)})
    )
    output(engine.command("exec", f"{settings.cluster_name}-control-plane", "touch", MADE))


def write_kubeconfig(settings: Settings, engine: Engine, kind: Path) -> None:
    """Write the cluster's kubeconfig, readable by the user only, where it is missing or of another cluster."""
    command = Command([kind, "get", "kubeconfig", f"--name={settings.cluster_name}"], env=engine.env)
    text = output(command).rstrip("\n") + "\n"  # as kind itself writes it
    if settings.kubeconfig.is_file() and settings.kubeconfig.read_text() == text:
        return
    settings.kubeconfig.touch(mode=0o600)
    settings.kubeconfig.chmod(0o600)
    settings.kubeconfig.write_text(text)


def start(settings: Settings, engine: Engine, found: list[Node]) -> None:
    """Start stopped node containers, lowest address first: so each gets the one it had, which certificates name."""
    path = owner_folder(settings) / "addresses.json"
    before = json.loads(path.read_text()) if path.is_file() else {}
    for node in sorted(found, key=lambda node: ipaddress.ip_address(before.get(node.name, "0.0.0.0"))):  # noqa: S104
        if not node.running:
            output(engine.command("start", node.name))


def delete(engine: Engine, found: list[Node]) -> None:
    """Remove node containers with their volumes, running or not."""
    if found:
        output(engine.command("rm", "--force", "--volumes", *[node.name for node in found]), timeout_s=DELETE_S)


def owner_folder(settings: Settings) -> Path:
    """Return the folder whose path, mounted into the nodes, is the sign of this checkout."""
    return settings.cluster_dir / state.NODE


def lock_file(settings: Settings) -> Path:
    """Return the file that `up` and `down` of one cluster lock; beside its folder, which `down` removes."""
    return settings.state_dir / f"{settings.cluster_name}.lock"


def network(name: str) -> str:
    """Return the cluster's own network: after a restart no other cluster's node has taken an address of ours."""
    return f"amx-{name}"


def delete_network(engine: Engine, name: str) -> None:
    """Remove the cluster's network, if it is there."""
    if output(engine.command("network", "ls", "--quiet", f"--filter=name=^{network(name)}$")).strip():
        output(engine.command("network", "rm", network(name)))


def clusters(engine: Engine) -> set[str]:
    """Names of all kind clusters of the engine, whoever made them."""
    return set(
        output(engine.command("ps", "--all", f"--filter=label={LABEL}", f'--format={{{{.Label "{LABEL}"}}}}')).split()
    )


def build_config(settings: Settings, workers: int, kubelet: dict[str, Any]) -> dict[str, Any]:
    """Build kind's configuration; `kubelet` is what this machine's kernel needs of a KubeletConfiguration."""
    ports = {HTTP_NODE_PORT: settings.http_port, GIT_NODE_PORT: settings.git_port}
    owner = {"hostPath": str(owner_folder(settings)), "containerPath": OWNER, "readOnly": True}
    control_plane = {
        "role": "control-plane",
        "extraMounts": [owner],
        "extraPortMappings": [
            {"containerPort": inside, "hostPort": outside, "listenAddress": "127.0.0.1"}
            for inside, outside in ports.items()
        ],
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"kubeProxyMode": "nftables", "apiServerAddress": "127.0.0.1"},
        "nodes": [control_plane, *[{"role": "worker", "extraMounts": [owner]} for _ in range(workers)]],
        "kubeadmConfigPatches": [yaml.safe_dump({"kind": "KubeletConfiguration", **kubelet})] if kubelet else [],
    }
