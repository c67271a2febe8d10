"""What `amx canary` shows and asks for: Canaries as kubectl lists them, in; text, JSON and patches, out. No IO."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amx.output import table
from operators.canary.models import CanaryStatus, MetricStatus, Revision, Verb
from operators.kit.errors import PlatformError
from operators.kit.kube import Manifest

RESOURCE = "canaries.automatrix.dev"
SILENT_S = 30.0
"""An operator that lives renews its Lease every 2 s."""
BUSY = frozenset({"Preparing", "Shifting", "Analysing", "Held", "Promoting", "Frozen"})
"""Phases with a release under way."""


class NoCanary(PlatformError):
    """There is none of this name, or more than one; the message says which there are."""


class NothingToDo(PlatformError):
    """What is asked for means nothing in the phase that the Canary is in."""


@dataclass(frozen=True)
class Release:
    """One Canary, as far as people ask about it."""

    namespace: str
    name: str
    phase: str
    message: str
    weight: int
    """Percent of the requests for the candidate, as far as the data plane has confirmed it."""
    step: int
    steps: int
    stable: str
    candidate: str
    metrics: tuple[MetricStatus, ...]
    last_action: str
    healthy: bool
    observes: bool
    calibration: str
    """What releases of versions beside themselves have shown; '' where there were none."""

    @property
    def is_busy(self) -> bool:
        """Whether a release is under way."""
        return self.phase in BUSY


def read(manifest: Manifest) -> Release:
    """Read a Canary; what its operator has not written yet is empty."""
    metadata, raw = manifest["metadata"], manifest.get("status") or {}
    status = CanaryStatus.model_validate(raw)
    stalled = any(one.type == "Stalled" and one.status == "True" for one in status.conditions)
    return Release(
        namespace=metadata["namespace"],
        name=metadata["name"],
        phase=status.phase if raw else "Unknown",
        message=status.message if raw else "its operator has not looked at it yet: see `amx status`",
        weight=status.weight.observed if status.weight.observed is not None else status.weight.written,
        step=status.step,
        steps=status.steps,
        stable=version(status.stable, status.candidate),
        candidate=version(status.candidate, status.stable),
        metrics=status.metrics,
        last_action=status.last_action_id,
        healthy=bool(raw) and not stalled,
        observes=((manifest.get("spec") or {}).get("analysis") or {}).get("mode") == "observe",
        calibration=calibration(status),
    )


def version(revision: Revision | None, beside: Revision | None) -> str:
    """Name what runs: by its image, and by its hash where the other slot has the same image (configuration alone)."""
    if revision is None:
        return ""
    is_alike = beside is not None and beside.image == revision.image
    return f"{revision.image} ({revision.hash})" if is_alike else revision.image


def calibration(status: CanaryStatus) -> str:
    """Tell how the analysis has kept its word where nothing could be wrong (A/A)."""
    alike = [one for one in status.history if one.hash == one.beside]
    if not alike:
        return ""
    clustering = max((one.dispersion for one in alike if one.dispersion is not None), default=None)
    clusters = "" if clustering is None else f"; errors cluster up to {clustering:.2g} times as much as by chance"
    return f"A/A: {sum(bool(one.alarm) for one in alike)} false alarms in {len(alike)} releases{clusters}"


def find(manifests: Sequence[Manifest], name: str, namespace: str) -> list[Release]:
    """Return the Canaries of that name and namespace ('' for any); raises NoCanary where none is."""
    every = [read(one) for one in manifests]
    found = [one for one in every if name in ("", one.name) and namespace in ("", one.namespace)]
    if not found and (name or namespace):
        known = ", ".join(f"{one.namespace}/{one.name}" for one in every)
        asked = f"Canary {name}" if name else "Canary"
        where = f" in namespace {namespace}" if namespace else ""
        raise NoCanary(f"there is no {asked}{where}; there are: {known or 'none'}")
    return sorted(found, key=lambda one: (one.namespace, one.name))


def one_of(found: Sequence[Release]) -> Release:
    """Return the only one; raises NoCanary where several have the name."""
    if len(found) != 1:
        places = ", ".join(one.namespace for one in found)
        raise NoCanary(f"{found[0].name} is the name of Canaries in {places}: say which by --namespace")
    return found[0]


def check(release: Release, verb: Verb) -> None:
    """Refuse what would do nothing; raises NothingToDo."""
    fits = {
        "Promote": release.is_busy,
        "PromoteFull": release.is_busy,
        "Abort": release.is_busy or release.phase in ("RollingBack", "Draining"),
        "Retry": release.phase in ("RolledBack", "Frozen") or (release.observes and not release.is_busy),
    }
    if not fits[verb]:
        why = "no release of it has failed" if verb == "Retry" else "no release of it is under way"
        raise NothingToDo(f"{release.namespace}/{release.name} is {release.phase}: {why}")


def action(verb: Verb) -> dict[str, Any]:
    """Return the patch that asks for it once."""
    return {"spec": {"action": {"id": f"amx-{secrets.token_hex(6)}", "verb": verb}}}


def silence(age_s: float | None) -> str:
    """Say that nobody serves Canaries, by the seconds since the operator's Lease was renewed (None: nobody holds it).

    '' where somebody does.
    """
    if age_s is not None and age_s < SILENT_S:
        return ""
    since = "nobody holds its Lease" if age_s is None else f"it has said nothing for {age_s:.0f} s"
    return f"the canary operator does not run ({since}): what follows is as it was then; see `amx doctor`"


def lines(found: Sequence[Release], silent: str = "") -> list[str]:
    """Return what a person reads: one line each, and below it what is known of a release under way."""
    if not found:
        return ["no Canaries: see docs/guides, or canary.enabled in a service's values"]
    told = [silent] if silent else []
    for one in found:
        share = f"{one.weight} %" if one.is_busy else ""
        step = f"step {one.step} of {one.steps}" if one.is_busy and one.step else ""
        told.append("  ".join(filter(None, (f"{one.namespace}/{one.name}", one.phase, share, step, one.message))))
        if one.is_busy:
            told.append(f"  {one.stable} → {one.candidate}")
            rows = [(metric.name, metric.verdict, metric.outage or metric.reason) for metric in one.metrics]
            told += table(rows, indent="  ").splitlines()
        if one.calibration:
            told.append(f"  {one.calibration}")
    return told


def to_json(found: Sequence[Release], silent: str = "") -> dict[str, Any]:
    """Return the form of `--output json`; `silent` as `silence` says it."""
    metrics = {
        (one.namespace, one.name): [m.model_dump(mode="json", by_alias=True, exclude_none=True) for m in one.metrics]
        for one in found
    }
    return {
        "canaries": [
            {
                **{key: getattr(one, key) for key in _FIELDS},
                "metrics": metrics[one.namespace, one.name],
            }
            for one in found
        ],
        "operator": silent or "serves",
        "ok": all(one.healthy for one in found) and not (found and silent),
    }


_FIELDS = ("namespace", "name", "phase", "message", "weight", "step", "steps", "stable", "candidate", "healthy")
