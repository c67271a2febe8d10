"""What is wrong with an Application itself, before anything is fetched: named with the remedy. Pure."""

from __future__ import annotations

from operators.kit.errors import Invalid

from . import ignore, retry
from .models import Application, unserved
from .options import Options
from .seen import Rules


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
    if policy is not None and policy.retry is not None and (text := retry.check(policy.retry)):
        found.append(f"spec.syncPolicy.retry.backoff: {text}")
    return found


def warnings(app: Application) -> list[tuple[str, str]]:
    """Return conditions about what is ignored although it was written."""
    found = [("UnservedWarning", entry.message) for entry in unserved(app) if not entry.blocking]
    policy = app.spec.sync_policy
    unknown = Options.of(policy.sync_options if policy else ()).unknown()
    found += [
        ("UnservedWarning", f"spec.syncPolicy.syncOptions: {name} is not known to this engine: remove it")
        for name in unknown
    ]
    return found


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
