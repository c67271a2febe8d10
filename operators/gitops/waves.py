"""In which order objects are applied and pruned: by wave, by kind, by name.

Waves are numbers in an annotation; a wave must be healthy before the next one starts. Within a wave the kinds that
others need come first. Pruning goes the other way round, after everything is applied.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from operators.kit.kube import Manifest, Ref

ANNOTATION = "argocd.argoproj.io/sync-wave"

_FIRST = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
)
_THEN = (
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
_RANK = {kind: rank for rank, kind in enumerate((*_FIRST, *_THEN))}
_LAST = len(_RANK)


def wave_of(manifest: Manifest) -> int:
    """Return the wave of an object; one without a (readable) annotation is in wave 0."""
    return _read(manifest)[0]


def unreadable(manifest: Manifest) -> str | None:
    """Return what an object has for a wave where it is no number."""
    return _read(manifest)[1]


def _read(manifest: Manifest) -> tuple[int, str | None]:
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    text = str(annotations.get(ANNOTATION, "0"))
    try:
        return int(text), None
    except ValueError:
        return 0, text


def order(manifest: Manifest) -> tuple[int, int, str, str, str, str]:
    """Sort key of an object: wave, kind as Argo CD and Helm order them, then names, so that any input order is one."""
    ref = Ref.of(manifest)
    return (wave_of(manifest), _RANK.get(ref.kind, _LAST), ref.kind, ref.group, ref.namespace, ref.name)


def step_of(manifest: Manifest) -> int:
    """Return the step within a wave: namespaces, then what workloads need, then everything else.

    Objects of a step go out at the same time. Finer steps would only add round trips.
    """
    rank = _RANK.get(Ref.of(manifest).kind, _LAST)
    if rank == 0:
        return 0
    return 1 if rank < len(_FIRST) else 2


def in_waves(manifests: Iterable[Manifest]) -> list[tuple[int, list[Manifest]]]:
    """Group objects by wave, the lowest first, each in order."""
    ordered = sorted(manifests, key=order)
    return [(wave, list(group)) for wave, group in groupby(ordered, key=wave_of)]


def pruning_waves(manifests: Iterable[Manifest]) -> list[list[Manifest]]:
    """Group objects for deletion: the highest wave first, and within it the reverse of the order they were made in."""
    return [list(reversed(group)) for _, group in reversed(in_waves(manifests))]
