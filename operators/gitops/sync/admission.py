"""Whether a sync can succeed at all: told before anything is written. Pure.

Everything is tried first (dry run), so that a manifest which the API server refuses keeps the whole commit back.
"""

from __future__ import annotations

from operators.gitops import namespaces
from operators.gitops.seen import Compared
from operators.kit.kube import Manifest, Ref

from .run import Progress, Sync


def refusal(run: Sync) -> Progress | None:
    """End the sync before anything is written where a part of it cannot succeed."""
    if run.target.blocked:
        return run.end("Failed", run.target.blocked)
    shared = [task for task in run.tasks if task.shared_with]
    if shared and run.options.has("FailOnSharedResource"):
        names = ", ".join(f"{task.ref} (of {task.shared_with})" for task in shared)
        return run.end("Failed", f"FailOnSharedResource: other Applications own {names}")
    open_tasks = [task for task in run.tasks if task.ref not in run.results]
    refused = [task for task in open_tasks if task.refused and not run.recreates(task)]
    for task in refused:
        run.results.add(task.desired, "SyncFailed", task.refused)
    if refused:
        return run.end("Failed", _first_failure("objects are refused, nothing was applied", refused[0], len(refused)))
    unknown = [task for task in open_tasks if not task.served and not _will_be_served(run, task)]
    if unknown:
        task = unknown[0]
        text = (
            f"the API server does not serve {task.ref.api_version} {task.ref.kind} ({task.ref}); "
            "add its CRD to this Application or install it first"
        )
        run.results.add(task.desired, "SyncFailed", text)
        return run.end("Failed", text)
    return None


def _first_failure(text: str, task: Compared, count: int) -> str:
    more = f" (and {count - 1} more)" if count > 1 else ""
    return f"one or more {text}: {task.ref}: {task.refused}{more}"


def _will_be_served(run: Sync, task: Compared) -> bool:
    if run.options.has("SkipDryRunOnMissingResource", task.desired):
        return True
    return any(defines(other.desired, task.ref) for other in run.target.objects)


def defines(manifest: Manifest, ref: Ref) -> bool:
    """Whether an object is the CRD of a kind."""
    spec = manifest.get("spec") or {}
    return (
        manifest.get("kind") == "CustomResourceDefinition"
        and spec.get("group") == ref.group
        and (spec.get("names") or {}).get("kind") == ref.kind
    )


def namespace(run: Sync) -> Progress | None:
    """Make the destination namespace, where it is asked for and is not as it should be."""
    action = namespaces.due(run.app, run.target, run.seen, run.options)
    failed = run.results.namespace_failure(run.app.spec.destination.namespace)
    if action is None:
        return None
    if failed:
        return run.end("Failed", f"the namespace {action.name} cannot be made: {failed}")
    return run.go_on(f"making namespace {action.name}", ((action,),))
