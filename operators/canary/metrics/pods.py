"""Crashes and restarts of the slots' pods, from the Kubernetes API.

In: the pods by their slot's labels. Out: `restarts`, by pod: how often its containers were started again, among the
seconds it has lived (so the rate is per pod and second, whatever the slots' sizes); `notReady`, a gauge: the share of
the slot's pods that are not ready.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from operators.canary.terms import SLOTS, Counts, Reading, Sample, Slot
from operators.kit.kube import KubeApi, Manifest

from . import Target, look

CANARY_LABEL = "automatrix.dev/canary"
SLOT_LABEL = "automatrix.dev/slot"
# Words of the kubelet for a container that will not come up by waiting.
_TROUBLE = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the pods."""

    signal: Literal["restarts", "notReady"] = "restarts"


class Pods:
    """One metric of one Canary."""

    def __init__(self, metric: str, question: Question, api: KubeApi) -> None:
        self._metric = metric
        self._question = question
        self._api = api

    async def read(self, target: Target) -> Sample:
        """As in Provider."""
        return await look(self._metric, target, self._read)

    async def _read(self, target: Target) -> tuple[Reading, ...]:
        selector = f"{CANARY_LABEL}={target.name},{SLOT_LABEL} in (a,b)"
        found = (await self._api.list("", "v1", "Pod", namespace=target.namespace, label_selector=selector)).items
        readings: list[Reading] = []
        for slot in SLOTS:
            mine = [pod for pod in found if pod["metadata"]["labels"][SLOT_LABEL] == slot]
            readings += (
                _restarts(mine, slot, target.at) if self._question.signal == "restarts" else _unready(mine, slot)
            )
        return tuple(readings)


def _restarts(pods: Iterable[Manifest], slot: Slot, at: datetime) -> list[Reading]:
    return [
        Reading(pod["metadata"]["name"], slot, Counts(float(restarts_of(pod)), _lived_s(pod, at)))
        for pod in pods
        if (pod.get("status") or {}).get("startTime")
    ]


def _unready(pods: list[Manifest], slot: Slot) -> list[Reading]:
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    if not staying:
        return []
    unready = sum(1 for pod in staying if not _is_ready(pod))
    return [Reading("pods", slot, Counts(unready / len(staying), 1.0))]


def restarts_of(pod: Manifest) -> int:
    """How often the pod's containers were started again; one that has failed and waits for it counts already."""
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(int(one.get("restartCount") or 0) + _has_failed(one.get("state") or {}) for one in containers)


def trouble(pods: Iterable[Manifest]) -> str:
    """Why a slot does not come up, in the kubelet's words; '' where waiting may help."""
    for pod in pods:
        status = pod.get("status") or {}
        every = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
        for container in every:
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in _TROUBLE:
                said = f"{container['name']} of {pod['metadata']['name']}: {waiting['reason']}"
                return f"{said}: {waiting['message'][:300]}" if waiting.get("message") else said
    return ""


def _has_failed(state: Manifest) -> bool:
    if (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
        return True
    return bool((state.get("terminated") or {}).get("exitCode"))


def _lived_s(pod: Manifest, at: datetime) -> float:
    return max(0.0, (at - datetime.fromisoformat(pod["status"]["startTime"])).total_seconds())


def _is_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
