"""The results of a sync, object by object: read from the published state, added to, and listed in order. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from operators.kit.kube import Manifest, Ref

from . import health
from .models import OperationState, ResourceResult, ResultCode
from .seen import Outcome

_PHASE = {health.HEALTHY: "Succeeded", health.SUSPENDED: "Succeeded", health.DEGRADED: "Failed"}


class Results:
    """What a sync did so far. Local to one call of `plan`: it is filled there and frozen into the status."""

    def __init__(self, entries: Iterable[tuple[Ref, ResourceResult]]) -> None:
        self._entries = dict(entries)
        self._made: dict[str, Outcome] = {}

    @classmethod
    def of(cls, state: OperationState, outcomes: Iterable[Outcome]) -> Results:
        """Join the published results with what has been executed since."""
        published = state.sync_result.resources if state.sync_result else ()
        results = cls((_ref(entry), entry) for entry in published)
        for outcome in outcomes:
            if outcome.action == "CreateNamespace":
                results._made[outcome.ref.name] = outcome
            else:
                results._put(outcome.ref, outcome.code, outcome.message)
        return results

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._entries

    def code(self, ref: Ref) -> str:
        """Return Synced, SyncFailed, Pruned, PruneSkipped, or '' for none."""
        entry = self._entries.get(ref)
        return (entry.status or "") if entry else ""

    def message(self, ref: Ref) -> str:
        """Return what was said about an object."""
        entry = self._entries.get(ref)
        return (entry.message or "") if entry else ""

    def namespace_failure(self, name: str) -> str:
        """Return why the destination namespace could not be made; '' where that has not failed."""
        outcome = self._made.get(name)
        return outcome.message if outcome is not None and outcome.code == "SyncFailed" else ""

    def add(self, manifest: Manifest, code: ResultCode, message: str, *, verdict: health.Health | None = None) -> None:
        """Note the result of one object."""
        self._put(Ref.of(manifest), code, message)
        self.judge(Ref.of(manifest), verdict)

    def judge(self, ref: Ref, verdict: health.Health | None) -> None:
        """Note how far an applied object has come."""
        entry = self._entries.get(ref)
        if entry is None or entry.status != "Synced":
            return
        phase = "Succeeded" if verdict is None else _PHASE.get(verdict.status, "Running")
        if entry.hook_phase != phase:
            self._entries[ref] = entry.but(hook_phase=phase)

    def listed(self) -> tuple[ResourceResult, ...]:
        """Return all results, in an order that does not depend on how they came."""
        return tuple(self._entries[ref] for ref in sorted(self._entries))

    def _put(self, ref: Ref, code: ResultCode, message: str) -> None:
        phase = {"SyncFailed": "Failed", "Synced": "Running"}.get(code, "Succeeded")
        self._entries[ref] = ResourceResult.model_validate(
            {
                "group": ref.group,
                "version": ref.version,
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "status": code,
                "message": message,
                "hook_phase": phase,
                "sync_phase": "Sync",
            }
        )


def _ref(entry: ResourceResult) -> Ref:
    return Ref(entry.group, entry.kind, entry.namespace, entry.name, entry.version)
