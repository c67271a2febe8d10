"""Bring the local cluster up, or up to date: every step looks first and does only what is missing.

engine → kind cluster ∥ own images → storage, credentials → Helm releases → first commit → bootstrap → wait.
Killed anywhere, the next call continues: each step's result is in the engine or the cluster, never in this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

from cluster.local import (
    applications,
    credentials,
    engine,
    hosttools,
    images,
    kind,
    packages,
    preflight,
    releases,
    repository,
    seed,
    serving,
    state,
)
from cluster.local.applications import Application
from cluster.local.commands import locked
from cluster.local.engine import Engine
from cluster.local.errors import MachineError
from cluster.local.kubectl import Kubectl
from cluster.local.progress import Progress
from cluster.local.settings import ROOT, Settings
from cluster.local.storage import manifests as storage

OWN_IMAGES = ("platform", "hub")
API_S = 120
SERVING_S = 300
APPLICATIONS_S = 120
BOOTSTRAP = ROOT / "gitops" / "bootstrap"


@dataclass(frozen=True, slots=True)
class Up:
    """What there is now, and what this call did for it."""

    cluster: str
    nodes: tuple[str, ...]
    kubeconfig: Path
    gateway_url: str
    git_url: str
    created: bool
    seeded: bool
    changed: tuple[str, ...]
    """The releases that were installed or upgraded."""
    applications: tuple[Application, ...]
    seconds: float

    @property
    def is_fine(self) -> bool:
        """Whether every application is as Git says, and healthy."""
        return all(one.is_fine for one in self.applications)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the steps work with."""

    settings: Settings
    progress: Progress
    engine: Engine
    kind: Path
    helm: Path
    kubectl: Kubectl
    lock: IO[str]
    """Handed to kind and Helm: should this process be killed, the next call waits for what they have begun."""


def up(settings: Settings, workers: int | None = None, progress: Progress | None = None) -> Up:
    """Bring the cluster up; `workers` None keeps what is there, or none. Raises MachineError before or in a step."""
    started = time.monotonic()
    progress = progress or Progress()
    check(settings, workers)
    waiting = f"another amx works on cluster {settings.cluster_name}, waiting for it"
    with locked(kind.lock_file(settings), lambda: progress.say(waiting)) as lock:
        packages.tidy()
        machine = prepare(settings, progress, lock)
        with ThreadPoolExecutor(max_workers=1) as pool:
            built = pool.submit(images.ensure, settings, OWN_IMAGES, progress)
            created = ensure_cluster(machine, workers)
            built.result()
        nodes = tuple(node.name for node in kind.nodes(machine.engine, settings.cluster_name))
        own = images.load(settings, nodes, OWN_IMAGES, progress)
        tags = dict(reference.rsplit(":", 1) for reference in own.values())
        changed = install(machine, own["platform"], tags)
        seeded = first_commit(machine, tags)
        serving.until_serving(settings, machine.kubectl, progress, SERVING_S)
        found = wait_for_applications(machine)
    return Up(
        settings.cluster_name,
        nodes,
        settings.kubeconfig,
        f"http://localhost:{settings.http_port}",
        repository.public_url(settings),
        created,
        seeded,
        tuple(changed),
        tuple(found),
        time.monotonic() - started,
    )


def check(settings: Settings, workers: int | None) -> None:
    """Say what stands in the way before anything is created, even the engine."""
    present = engine.find()
    found = kind.nodes(present, settings.cluster_name) if present else []
    kind.check_owner(settings, found)
    if not found:
        state.check(settings)
    preflight.check(settings, workers or 0, preflight.Present.of(settings, present, found))


def prepare(settings: Settings, progress: Progress, lock: IO[str]) -> Machine:
    """Have the engine and the host's programs."""
    found = engine.ensure(settings, progress)
    tools = hosttools.ensure(settings, ("kind", "kubectl", "helm"), progress)
    return Machine(
        settings, progress, found, tools["kind"], tools["helm"], Kubectl.of(settings, tools["kubectl"]), lock
    )


def ensure_cluster(machine: Machine, workers: int | None) -> bool:
    """Have a running cluster and its kubeconfig; True when it was made now."""
    settings, progress = machine.settings, machine.progress
    found = kind.nodes(machine.engine, settings.cluster_name)
    kind.check_owner(settings, found)
    if found:
        if not all(node.running for node in found):
            with progress.step("start the nodes"):
                kind.start(settings, machine.engine, found)
        if kind.is_made(machine.engine, found):
            kind.check_shape(settings, found, workers)
            state.claim(settings)
            state.record_ports(settings)
            kind.write_kubeconfig(settings, machine.engine, machine.kind)
            wait_for_api(machine)
            return False
        with progress.step("remove a cluster whose making was interrupted"):
            kind.delete(machine.engine, found)
    image = images.ensure(settings, ("node",), progress)["node"]
    with progress.step(f"create the cluster ({1 + (workers or 0)} nodes)"):
        config = kind.build_config(settings, workers or 0, images.kubelet_configuration(image))
        kind.create(settings, machine.engine, kind.Making(machine.kind, config, image, machine.lock))
    return True


def wait_for_api(machine: Machine) -> None:
    """Wait for the API server of nodes that were started; raises MachineError with the way out."""
    if machine.kubectl.answers():
        return
    with machine.progress.step("wait for the API server"):
        deadline = time.monotonic() + API_S
        while not machine.kubectl.answers():
            if time.monotonic() > deadline:
                raise MachineError(
                    f"the API server of cluster {machine.settings.cluster_name} does not answer after {API_S} s",
                    "look with amx doctor, or make it anew: amx down && amx up",
                )
            time.sleep(1)


def install(machine: Machine, platform: str, tags: dict[str, str]) -> list[str]:
    """Apply storage and credentials, and install the releases; return the names of those that changed."""
    settings, kubectl = machine.settings, machine.kubectl
    wanted = releases.platform(tags)
    with machine.progress.step("install the platform", total=len(wanted) + 1) as step:
        storage.ensure(kubectl, platform)
        credentials.ensure(settings, kubectl)
        step.advance()
        return releases.ensure(releases.Helm(settings, kubectl, machine.helm, machine.lock), wanted, step)


def first_commit(machine: Machine, tags: dict[str, str]) -> bool:
    """Seed the Git server once it answers, then point the engine at it; True when there was no history yet."""
    settings = machine.settings
    with machine.progress.step("wait for the Git server, give it its first commit") as step:
        serving.wait(
            lambda: git_lacks(settings), lambda: "; ".join(serving.stuck_pods(machine.kubectl)), step, SERVING_S
        )
        seeded = seed.seed(settings, tags)
    machine.kubectl.apply(
        [one for path in sorted(BOOTSTRAP.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]
    )
    return seeded


def git_lacks(settings: Settings) -> list[str]:
    """Name the Git server while it does not answer."""
    answer = serving.ask(settings.git_port, "/healthz")
    return [] if answer.status == 200 else [f"the Git server on port {settings.git_port}"]


def wait_for_applications(machine: Machine) -> list[Application]:
    """Give the applications time to become healthy; one that does not is reported, no error: a push may be broken."""
    found: list[Application] = []
    patience = applications.Patience()

    def lacking() -> list[str]:
        found[:] = applications.applications(machine.kubectl)
        return patience.awaited(found, time.monotonic())

    with machine.progress.step("wait for the applications") as step:
        return wait_or_report(lacking, found, step.note)


def wait_or_report(
    lacking: Callable[[], list[str]], found: list[Application], note: Callable[[str], None]
) -> list[Application]:
    """Poll until nothing is lacking or the time is up; return what was found last."""
    deadline = time.monotonic() + APPLICATIONS_S
    while (left := lacking()) and time.monotonic() < deadline:
        note(", ".join(left))
        time.sleep(serving.POLL_S)
    return found
