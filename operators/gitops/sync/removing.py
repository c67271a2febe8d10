"""Pruning: last of all, in the order of the waves backwards, and only what `pruning` allows. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from operators.gitops import pruning, waves
from operators.gitops.actions import PruneObject
from operators.gitops.comparison import extra_objects
from operators.kit.kube import Manifest, Ref

from .run import Progress, Sync, is_selected

SUCCESS = "successfully synced (all tasks run)"


def prune(run: Sync) -> Progress:
    """Prune what left Git, group by group; then the sync has succeeded."""
    extra = extra_objects(run.app, run.target, run.seen.tracked)
    extra = tuple(live for live in extra if is_selected(run.operation.resources, Ref.of(live)))
    wanted = pruning.decide(run.app, run.state.operation, run.target, extra, run.seen)
    if wanted.refused:
        return run.end("Failed", wanted.refused)
    if wanted.frozen:
        return replace(run.go_on(wanted.frozen, requeue_after=wanted.wait), frozen=wanted.frozen)
    for live, why in wanted.skip:
        run.results.add(live, "PruneSkipped", why)
    skipped = {Ref.of(live) for live, _ in wanted.skip}
    going = [live for live in extra if Ref.of(live) not in skipped]
    late = {Ref.of(live) for live in going if run.options.has("PruneLast", live)}
    groups = waves.pruning_waves([live for live in going if Ref.of(live) not in late])
    groups += waves.pruning_waves([live for live in going if Ref.of(live) in late])
    for number, group in enumerate(groups):
        progress = _prune_group(run, group, wanted.delete, is_last=number == len(groups) - 1)
        if progress is not None:
            return replace(progress, awaiting=wanted.awaiting)
    return replace(run.end("Succeeded", SUCCESS), awaiting=wanted.awaiting)


def _prune_group(run: Sync, group: list[Manifest], allowed: tuple[Manifest, ...], *, is_last: bool) -> Progress | None:
    failed = [live for live in group if run.results.code(Ref.of(live)) == "SyncFailed"]
    if failed:
        ref = Ref.of(failed[0])
        return run.end("Failed", f"{ref} cannot be pruned: {run.results.message(ref)}")
    pending = [live for live in group if Ref.of(live) not in run.results and any(live is one for one in allowed)]
    if pending:
        step = tuple(_prune_action(run, live) for live in pending)
        return run.go_on(f"pruning {len(pending)} objects", (step,))
    if is_last:
        return None
    return run.go_on(f"waiting for the deletion of {Ref.of(group[0])}", requeue_after=timedelta(seconds=30))


def _prune_action(run: Sync, live: Manifest) -> PruneObject:
    ref, uid = Ref.of(live), str(live["metadata"].get("uid") or "")
    match run.options.value("PrunePropagationPolicy", live).lower():
        case "background":
            return PruneObject(ref, uid, f"{ref} left Git", "Background")
        case "orphan":
            return PruneObject(ref, uid, f"{ref} left Git", "Orphan")
    return PruneObject(ref, uid, f"{ref} left Git", "Foreground")
