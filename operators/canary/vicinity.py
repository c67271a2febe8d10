"""Which Canaries a neighbour's event concerns: one that they have not looked at, because it was not there. Pure.

In: events of HorizontalPodAutoscalers and Services, as the watches tell them. Out: objects whose onlookers are to look
again, or a namespace all of whose Canaries are. A status that changes every few seconds, as an autoscaler's does, says
nothing here: only whom it scales, or which pods it selects, is news.
"""

from __future__ import annotations

from operators.kit.kube import Manifest, Ref

AUTOSCALER = "HorizontalPodAutoscaler"
SERVICE = "Service"


class Vicinity:
    """Remembers what each neighbour points at."""

    def __init__(self) -> None:
        self._scaled: dict[Ref, Ref] = {}
        self._selected: dict[Ref, str] = {}

    def scaled(self, autoscaler: Ref, manifest: Manifest | None) -> frozenset[Ref]:
        """Return the targets that got this autoscaler or lost it; `manifest` None: it is gone."""
        before, after = self._scaled.pop(autoscaler, None), _target(manifest)
        if after is not None:
            self._scaled[autoscaler] = after
        return frozenset() if before == after else frozenset(filter(None, (before, after)))

    def selects_anew(self, service: Ref, manifest: Manifest | None) -> bool:
        """Whether other pods than before may be selected by this Service."""
        before, after = self._selected.pop(service, ""), _selector(manifest)
        if after:
            self._selected[service] = after
        return before != after


def _target(manifest: Manifest | None) -> Ref | None:
    if manifest is None:
        return None
    target = manifest["spec"]["scaleTargetRef"]
    group = str(target.get("apiVersion") or "").rpartition("/")[0]
    return Ref(group, target["kind"], manifest["metadata"]["namespace"], target["name"])


def _selector(manifest: Manifest | None) -> str:
    selector = ((manifest or {}).get("spec") or {}).get("selector") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
