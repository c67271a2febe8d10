"""What is wrong with an Application itself, before anything is fetched: named with the remedy. Pure."""

from __future__ import annotations

from operators.kit.errors import Invalid

from . import ignore, retry, waves
from .models import Application, unserved, unserved_in
from .options import Options, unread
from .seen import Rules, Target


def refusals(app: Application, rules: Rules) -> list[str]:
    """Return why the Application cannot be served at all; empty where it can."""
    found = [*_source(app), *_destination(app, rules)]
    project = app.spec.project or "default"
    if project not in rules.projects:
        served = ", ".join(sorted(rules.projects))
        found.append(f"spec.project: {project}: AppProject is not served yet by this engine; use one of: {served}")
    found += [entry.message for entry in unserved(app) if entry.blocking]
    try:
        ignore.check(app.spec.ignore_differences)
    except Invalid as error:
        found.append(str(error))
    policy = app.spec.sync_policy
    if policy is not None and policy.managed_namespace_metadata and app.spec.destination.namespace == rules.namespace:
        text = "the engine's own namespace keeps its labels and annotations: remove it"
        found.append(f"spec.syncPolicy.managedNamespaceMetadata: {text}")
    if policy is not None and policy.retry is not None and (text := retry.check(policy.retry)):
        found.append(f"spec.syncPolicy.retry.backoff: {text}")
    return found


def warnings(app: Application, target: Target | None = None) -> list[tuple[str, str]]:
    """Return conditions about what is ignored although it was written, also in an operation and on objects."""
    found = [("UnservedWarning", entry.message) for entry in unserved(app) if not entry.blocking]
    policy = app.spec.sync_policy
    unknown = Options.of(policy.sync_options if policy else ()).unknown()
    found += [
        ("UnservedWarning", f"spec.syncPolicy.syncOptions: {name} is not known to this engine: remove it")
        for name in unknown
    ]
    return found + [("UnservedWarning", text) for text in [*_of_operation(app), *_of_objects(target)]]


def _of_operation(app: Application) -> list[str]:
    state = app.status.operation_state
    operation = state.operation if state is not None and state.phase == "Running" else app.operation
    sync = operation.sync if operation is not None else None
    if sync is None or (operation is not None and operation.initiated_by and operation.initiated_by.automated):
        return []
    unknown = Options.of(sync.sync_options).unknown()
    found = [f"operation.sync.syncOptions: {name} is not known to this engine: it is ignored" for name in unknown]
    return found + [entry.message for entry in unserved_in(operation) if operation is not app.operation]


def _of_objects(target: Target | None) -> list[str]:
    """One warning for each thing that objects ask for in vain, naming the first object that does."""
    carriers: dict[str, list[str]] = {}
    for entry in target.objects if target is not None else ():
        found = unread(entry.desired)
        if (wave := waves.unreadable(entry.desired)) is not None:
            found.append(f"sync wave {wave[:40]!r} is no whole number: it counts as 0")
        for text in found:
            carriers.setdefault(text, []).append(str(entry.ref))
    return [
        f"{min(refs)}{f' and {len(refs) - 1} more' if len(refs) > 1 else ''}: {text}"
        for text, refs in sorted(carriers.items())
    ]


def _source(app: Application) -> list[str]:
    source = app.spec.source
    if source is None:
        has_others = bool((app.spec.model_extra or {}).get("sources"))
        return [] if has_others else ["spec.source: is missing: name a repository and a path in it"]
    found = []
    if not source.repo_url:
        found.append("spec.source.repoURL: is missing")
    if not source.path and not (source.model_extra or {}).get("chart"):
        found.append("spec.source.path: is missing; '.' is the root of the repository")
    return found


def _destination(app: Application, rules: Rules) -> list[str]:
    destination = app.spec.destination
    if destination.server and destination.name:
        return ["spec.destination: has both server and name: leave one out"]
    if not destination.server and not destination.name:
        return ["spec.destination: has neither server nor name; name: in-cluster is this cluster"]
    if destination.server and destination.server not in rules.servers:
        served = ", ".join(sorted(rules.servers))
        return [f"spec.destination.server: {destination.server}: this engine is configured for: {served}"]
    if destination.name and destination.name not in rules.names:
        served = ", ".join(sorted(rules.names))
        return [f"spec.destination.name: {destination.name}: this engine is configured for: {served}"]
    return []
