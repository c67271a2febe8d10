"""Checks of one node: its kubelet, and names, Services and pods as they are reached from inside it."""

from __future__ import annotations

from cluster.local import invocation, probes
from cluster.local.kubectl import Manifest

from . import Check, Patient, condition


def check_ready(patient: Patient, name: str, node: Manifest | None) -> Check:
    """The kubelet reports and finds its node well."""
    title = f"{name}: node"
    look = patient.command("describe", "node", name)
    if node is None:
        return Check(
            title, "is not a node of the cluster", f"{invocation.amx(patient.settings, 'down')} && {patient.up}"
        )
    ready = condition(node, "Ready")
    if ready.get("status") != "True":
        return Check(title, f"not ready: {ready.get('message', 'no word from its kubelet')}", look)
    pressed = [kind for kind in ("MemoryPressure", "DiskPressure") if condition(node, kind).get("status") == "True"]
    return Check(title, ", ".join(pressed), look if pressed else "")


def check_proxy(patient: Patient, name: str) -> Check:
    """Services are reached from this node."""
    problem = probes.reach_service(patient.engine, name)
    return Check(f"{name}: Services", problem, restart_on(patient, "k8s-app=kube-proxy", name) if problem else "")


def check_network(patient: Patient, name: str, peers: list[probes.Peer]) -> Check:
    """Pods on the other nodes are reached from this one."""
    problem = probes.reach_pods(patient.engine, name, peers)
    selector = (
        "app=kindnet"
        if patient.kubectl.items("pods", "--namespace=kube-system", "--selector=app=kindnet")
        else "app=pod-network"
    )
    return Check(f"{name}: pod network", problem, restart_on(patient, selector, name) if problem else "")


def check_dns(patient: Patient, name: str) -> Check:
    """A name is resolved on this node, by way of the cluster's DNS Service."""
    problem = probes.resolve(patient.engine, name)
    if not problem:
        return Check(f"{name}: DNS")
    deployment = patient.kubectl.find("deployment", "coredns", "--namespace=kube-system")
    if deployment and not deployment["spec"].get("replicas"):
        command = patient.command("--namespace=kube-system", "scale", "deployment", "coredns", "--replicas=2")
        return Check(f"{name}: DNS", f"{problem}: CoreDNS is scaled to 0", command)
    command = patient.command("--namespace=kube-system", "rollout", "restart", "deployment", "coredns")
    return Check(f"{name}: DNS", problem, command)


def restart_on(patient: Patient, selector: str, node: str) -> str:
    """Return the command that restarts a system pod of one node."""
    return patient.command(
        "--namespace=kube-system", "delete", "pod", f"-l{selector}", f"--field-selector=spec.nodeName={node}"
    )
