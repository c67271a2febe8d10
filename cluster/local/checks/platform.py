"""Checks of what runs in the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus

from cluster.local import applications, leases, repository, serving
from cluster.local.errors import CommandFailed
from cluster.local.storage.manifests import CLASS
from cluster.local.storage.models import PROVISIONER

from . import Check, Patient, condition

LEASE_S = 60
REFUSED = ("Authentication failed", "could not read Password")
"""What git says of a wrong password, and of a file without one."""


def check_class(patient: Patient) -> Check:
    """The default StorageClass is the platform's."""
    found = patient.kubectl.find("storageclass", CLASS)
    if not found or found["provisioner"] != PROVISIONER:
        return Check("storage class", f"StorageClass {CLASS} is not served by {PROVISIONER}", patient.up)
    return Check("storage class")


def check_metrics(patient: Patient) -> Check:
    """metrics-server answers through the API server."""
    found = patient.kubectl.find("apiservice", "v1beta1.metrics.k8s.io")
    available = condition(found or {}, "Available")
    if available.get("status") == "True":
        return Check("metrics")
    command = patient.command("--namespace=kube-system", "rollout", "restart", "deployment", "metrics-server")
    return Check(
        "metrics", f"no resource metrics: {available.get('message', 'not installed')}", command if found else patient.up
    )


def check_gateway(patient: Patient) -> Check:
    """The Gateway answers on the host's port, with whatever status."""
    answer = serving.ask(patient.settings.http_port)
    problem = "" if answer.status else f"no answer on port {patient.settings.http_port}: {answer.reason}"
    return Check("gateway", problem, patient.up if problem else "")


def check_git(patient: Patient) -> Check:
    """The Git server answers on the host's port."""
    answer = serving.ask(patient.settings.git_port, "/healthz")
    if answer.status == HTTPStatus.OK:
        return Check("git server")
    said = answer.reason or f"HTTP {answer.status}"
    return Check("git server", f"no good answer on port {patient.settings.git_port}: {said}", patient.up)


def check_credential(patient: Patient) -> Check:
    """The Git server takes the password that clones use; one that does not answer is another check's matter."""
    settings = patient.settings
    try:
        repository.git(repository.environment(settings), "ls-remote", repository.url(settings), timeout_s=30)
    except CommandFailed as failure:
        if any(words in failure.output for words in REFUSED):
            problem = f"the Git server refuses the password in {repository.credential_file(settings)}"
            return Check("git credential", problem, patient.up)
    return Check("git credential")


def check_lease(patient: Patient, process: leases.Process) -> Check:
    """Somebody holds the Lease of a process and has renewed it lately."""
    age_s = leases.age_s(patient.kubectl, process, datetime.now(UTC))
    if age_s is not None and age_s < LEASE_S:
        return Check(process.title)
    problem = f"its Lease was renewed {age_s:.0f} s ago" if age_s is not None else "nobody holds its Lease"
    rollout = patient.command(f"--namespace={process.namespace}", "get", f"deployment/{process.name}")
    return Check(process.title, problem, rollout)


QUESTIONS: tuple[Callable[[Patient], Check], ...] = (
    check_class,
    check_metrics,
    check_gateway,
    check_git,
    check_credential,
)
"""The checks with one answer each."""


def check_workloads(patient: Patient) -> Iterator[Check]:
    """Every platform workload is ready; one that is not is explained by its pods."""
    stuck = serving.stuck_pods(patient.kubectl)
    for workload in serving.workloads(patient.kubectl):
        if workload.is_ready:
            yield Check(f"{workload}")
            continue
        own = [reason for reason in stuck if reason.startswith(f"{workload}-")]
        problem = own[0].partition(": ")[2] if own else f"{workload.ready} of {workload.wanted} pods are ready"
        lacks_image = "Image" in problem
        kind_and_name = f"{workload.kind.lower()}/{workload.name}"
        restart = patient.command(f"--namespace={workload.namespace}", "rollout", "restart", kind_and_name)
        yield Check(f"{workload}", problem, patient.up if lacks_image else restart)


def check_applications(patient: Patient) -> Iterator[Check]:
    """Every Application is as Git says, and healthy."""
    for one in applications.applications(patient.kubectl):
        problem = "" if one.is_fine else f"{one.sync}, {one.health}" + (f": {one.message}" if one.message else "")
        look = patient.command("--namespace=argocd", "describe", "application", one.name)
        yield Check(f"application {one.name}", problem, look if problem else "")
