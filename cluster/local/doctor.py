"""Find what is missing or unhealthy, and name the command that mends it.

Outside in: a check that cannot be made because an earlier one failed (no engine, no API server) is left out, so the
first problem of the list is where to begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from cluster.local import engine, hosttools, invocation, kind, leases, probes
from cluster.local.checks import Check, Patient, host, nodes, platform
from cluster.local.errors import MachineError
from cluster.local.kubectl import Kubectl
from cluster.local.progress import Progress
from cluster.local.settings import Settings


def doctor(settings: Settings, progress: Progress | None = None) -> tuple[Check, ...]:
    """Look at everything, outside in; returns one Check per thing looked at."""
    present = engine.find()
    if present is None:
        return Check("engine", "no container engine answers", invocation.amx(settings, "up")), host.check_disk(
            settings, None, ()
        )
    found = kind.nodes(present, settings.cluster_name)
    checks = [Check("engine"), host.check_disk(settings, present, found)]
    try:
        kind.check_owner(settings, found)
    except MachineError as wrong:
        return *checks, Check("cluster", wrong.message, wrong.remedy)
    if not any(node.running for node in found):
        checks += [host.check_memory(), *host.check_ports(settings)]
    checks.append(host.check_nodes(settings, found))
    if not found or not checks[-1].ok:
        return tuple(checks)
    checks.append(host.check_kubeconfig(settings))
    if not settings.kubeconfig.is_file():
        return tuple(checks)
    tools = hosttools.ensure(settings, ("kubectl",), progress or Progress())
    patient = Patient(settings, present, Kubectl.of(settings, tools["kubectl"]), found)
    if not patient.kubectl.answers():
        logs = invocation.paste(["docker", "logs", f"{settings.cluster_name}-control-plane"], present.env)
        return *checks, Check("API server", "does not answer", logs)
    return *checks, Check("API server"), *examine(patient)


def examine(patient: Patient) -> Iterator[Check]:
    """Ask all questions to a cluster that answers, side by side; yield the answers in the order of the questions."""
    listed = {item["metadata"]["name"]: item for item in patient.kubectl.items("nodes")}
    peers = [probes.Peer(name, item["spec"]["podCIDR"]) for name, item in listed.items() if item["spec"].get("podCIDR")]
    questions: list[Callable[[], Check]] = []
    for node in patient.nodes:
        questions += [
            partial(nodes.check_ready, patient, node.name, listed.get(node.name)),
            partial(nodes.check_proxy, patient, node.name),
            partial(nodes.check_network, patient, node.name, peers),
            partial(nodes.check_dns, patient, node.name),
        ]
    questions += [partial(question, patient) for question in platform.QUESTIONS]
    questions += [partial(platform.check_lease, patient, process) for process in leases.PROCESSES]
    with ThreadPoolExecutor(max_workers=4) as pool:
        yield from pool.map(lambda question: question(), questions)
    yield from platform.check_workloads(patient)
    yield from platform.check_applications(patient)
