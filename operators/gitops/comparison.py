"""From what was seen to the sync and health status: object by object, and of the whole. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from operators.kit.kube import Manifest, Ref

from . import health, options, waves
from .models import GROUP, KIND, Application, HealthStatus, ResourceStatus, SyncCode
from .seen import Compared, Seen, Target


@dataclass(frozen=True)
class Comparison:
    """What the comparison came to."""

    code: SyncCode
    resources: tuple[ResourceStatus, ...]
    health: str
    extra: tuple[Manifest, ...]
    """Live objects of this Application that Git does not have."""
    until: datetime | None = None
    """When the health changes by time alone; None where it does not."""


def compare(app: Application, seen: Seen, now: datetime) -> Comparison:
    """Compare Git and cluster; without a rendered target the answer is Unknown and the list stays as it was."""
    if seen.target is None:
        known = app.status.health.status if app.status.health and not seen.complete else ""
        verdicts = _counted(seen.tracked, now)
        whole = known or health.of_application(verdicts, live=len(verdicts), wanted=len(app.status.resources))
        return Comparison("Unknown", app.status.resources, whole, (), _until(verdicts))
    extra = extra_objects(app, seen.target, seen.tracked)
    healths = health.healths_of([*(entry.live for entry in seen.target.objects if entry.live), *extra], now)
    resources = [
        _of_desired(entry, healths.get(entry.ref), seen.causes.get(entry.ref, "")) for entry in seen.target.objects
    ]
    resources += [_of_extra(app, live, healths[Ref.of(live)]) for live in extra]
    differs = any(entry.differs for entry in seen.target.objects) or any(
        not options.ignores_extraneous(live) for live in extra
    )
    live = [entry.live for entry in seen.target.objects if entry.live is not None]
    counted = [*live, *(manifest for manifest in extra if not options.ignores_extraneous(manifest))]
    itself = Ref(GROUP, KIND, app.metadata.namespace, app.name)
    verdicts = _counted([manifest for manifest in counted if Ref.of(manifest) != itself], now)
    whole = health.of_application(verdicts, live=len(counted), wanted=len(seen.target.objects))
    if not seen.complete:
        resources += _unread(app, resources)
    ordered = sorted(resources, key=_identity)
    return Comparison("OutOfSync" if differs else "Synced", tuple(ordered), whole, extra, _until(verdicts))


def _unread(app: Application, resources: list[ResourceStatus]) -> list[ResourceStatus]:
    """Return what was known of objects that could not be read now.

    Forgetting them would end the watch of their kinds: they would never be pruned, and the look pass for complete.
    """
    known = {_identity(entry) for entry in resources}
    return [entry for entry in app.status.resources if _identity(entry) not in known]


def _identity(entry: ResourceStatus) -> tuple[str, str, str, str]:
    return (entry.kind, entry.group or "", entry.namespace or "", entry.name)


def extra_objects(app: Application, target: Target, tracked: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Return the live objects that carry the Application's mark and are not in the target, in order.

    What another object owns is left to its owner, and an Application never counts itself.
    """
    wanted = {entry.ref for entry in target.objects}
    itself = Ref(GROUP, KIND, app.metadata.namespace, app.name)
    found = [
        live
        for live in tracked
        if (ref := Ref.of(live)) not in wanted and ref != itself and not live["metadata"].get("ownerReferences")
    ]
    return tuple(sorted(found, key=waves.order))


def is_terminating(live: Manifest) -> bool:
    """Whether the object is being deleted already."""
    return bool((live.get("metadata") or {}).get("deletionTimestamp"))


def _until(verdicts: Iterable[health.Health | None]) -> datetime | None:
    return min((one.until for one in verdicts if one is not None and one.until is not None), default=None)


def _counted(manifests: Iterable[Manifest], now: datetime) -> list[health.Health | None]:
    live = list(manifests)
    healths = health.healths_of(live, now)
    return [_counted_health(manifest, healths[Ref.of(manifest)]) for manifest in live]


def _counted_health(manifest: Manifest, verdict: health.Health | None) -> health.Health | None:
    annotations = manifest["metadata"].get("annotations") or {}
    if str(annotations.get(options.IGNORE_HEALTH, "")).lower() == "true":
        return None
    is_child = manifest.get("kind") == KIND and str(manifest.get("apiVersion", "")).startswith(f"{GROUP}/")
    if verdict is not None and is_child and verdict.status in (health.MISSING, health.UNKNOWN):
        return None
    return verdict


def _of_desired(entry: Compared, verdict: health.Health | None, cause: str) -> ResourceStatus:
    status = _described(entry.desired, "OutOfSync" if entry.differs else "Synced")
    if entry.live is None:
        return status.but(health=HealthStatus(status=health.MISSING))
    return status.but(**_health_field(verdict, cause))


def _of_extra(app: Application, live: Manifest, verdict: health.Health | None) -> ResourceStatus:
    status = _described(live, "OutOfSync").but(requires_pruning=True, **_health_field(verdict))
    policy = app.spec.sync_policy
    chosen = options.Options.of(policy.sync_options if policy else ()).deletion("Prune", live)
    return status.but(requires_deletion_confirmation=True) if chosen == "confirm" else status


def _health_field(verdict: health.Health | None, cause: str = "") -> dict[str, HealthStatus]:
    """Only bad news comes with its words: the rest changes too often to be worth a write."""
    if verdict is None:
        return {}
    if verdict.status == health.DEGRADED and (message := verdict.because(cause).message):
        return {"health": HealthStatus(status=verdict.status, message=message)}
    return {"health": HealthStatus(status=verdict.status)}


def _described(manifest: Manifest, code: str) -> ResourceStatus:
    ref = Ref.of(manifest)
    fields: dict[str, object] = {"version": ref.version, "kind": ref.kind, "name": ref.name, "status": code}
    if ref.group:
        fields["group"] = ref.group
    if ref.namespace:
        fields["namespace"] = ref.namespace
    if wave := waves.wave_of(manifest):
        fields["sync_wave"] = wave
    return ResourceStatus.model_validate(fields)
