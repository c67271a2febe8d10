"""What an Application shall be: a commit, rendered, from the mirror and the renderer, kept until its content changes.

Whatever is wrong with a repository becomes a `Trouble`. Only one that is fetched for the first time puts the look off
(NotFetchedYet): a condition about it would be wrong a moment later.
"""

from __future__ import annotations

import json
from dataclasses import replace

from operators.kit.errors import Invalid
from operators.kit.kube import Discovery, Ref

from . import desired, mishaps
from .memory import Built, Deps, Memo
from .models import Application, ApplicationSource, OperationState
from .origin import Capabilities, NotFetchedYet
from .seen import Compared, Target, Trouble
from .sources import SourceError


class Targets:
    """Gets what Applications shall be."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def target(self, app: Application, memo: Memo, discovery: Discovery) -> tuple[Target | None, list[Trouble]]:
        """Return what spec.source asks for, or why it cannot be had."""
        source = app.spec.source or ApplicationSource()
        revision = ""
        try:
            revision = await self._deps.origin.resolve(source.repo_url, source.target_revision)
            fresh, memo.fresh = memo.fresh, False
            memo.built = await self._built(app, source, revision, discovery, memo.built, fresh=fresh)
            memo.failed_at = ""
            return await self._with_equals(app, memo, memo.built), []
        except NotFetchedYet:
            raise
        except SourceError as error:
            memo.failed_at = memo.failed_at if error.transient else revision
            return None, [Trouble(error.condition, str(error), error.file, error.line)]
        except Invalid as error:
            memo.failed_at = revision
            condition = "InvalidSpecError" if error.field.startswith("spec.") else "ComparisonError"
            return None, [Trouble(condition, str(error))]  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - as in observe; what Git has cannot mend by itself
            memo.failed_at = memo.failed_at if isinstance(error, OSError) else revision
            return None, [mishaps.trouble("ComparisonError", error)]
        finally:
            memo.due_until = 0.0

    async def syncing(self, app: Application, memo: Memo, discovery: Discovery, target: Target | None) -> Target | None:
        """Return what the sync under way (or asked for) goes to; None where that is the target itself."""
        source, revision = _aim(app)
        if not revision or source is None:
            return None
        try:
            commit = await self._deps.origin.resolve(source.repo_url, revision, allow_stale=True)
            if target is not None and commit == target.revision and source.wire() == target.source.wire():
                return None
            memo.syncing = await self._built(app, source, commit, discovery, memo.syncing)
        except NotFetchedYet:
            raise  # of another repository than the target's: it must not go to the target instead
        except (SourceError, Invalid):
            return None  # then the target's own trouble tells, or the sync goes to the target
        return memo.syncing.target

    async def _built(
        self,
        app: Application,
        source: ApplicationSource,
        revision: str,
        discovery: Discovery,
        known: Built | None,
        *,
        fresh: bool = False,
    ) -> Built:
        """Render and arrange, unless the content of everything it read is the same as before."""
        namespace = app.spec.destination.namespace
        key = (_text(source.wire()), namespace, app.spec.project, discovery.kube_version, discovery.api_versions)
        if known is not None and known.key == key:
            if known.target.revision == revision:
                return known
            content = await self._deps.origin.content_key(source.repo_url, revision, known.paths)
            if content == known.content_key:
                return replace(known, target=replace(known.target, revision=revision, same_as=frozenset()))
        has = Capabilities(discovery.kube_version, discovery.api_versions, fresh=fresh)
        rendered = await self._deps.origin.render(app, source, revision, has)
        place = desired.Place(app.name, namespace, self._deps.rules)
        arranged = desired.build(rendered.manifests, place, _scope(discovery))
        warnings = (*arranged.warnings, *(("UnservedWarning", text) for text in rendered.unsupported))
        target = Target(
            revision=revision,
            source=source,
            objects=tuple(Compared(manifest) for manifest in arranged.objects),
            source_type=rendered.source_type,
            warnings=warnings,
            blocked=arranged.blocked,
        )
        content = await self._deps.origin.content_key(source.repo_url, revision, rendered.paths)
        refs = frozenset(entry.ref for entry in target.objects)
        return Built(key, target, rendered.paths, content, refs)

    async def _with_equals(self, app: Application, memo: Memo, built: Built) -> Target:
        """Note whether the commit that was synced last has the same content: then it is synced already."""
        last = app.status.operation_state.sync_result if app.status.operation_state else None
        target = built.target
        if last is None or not last.revision or last.revision == target.revision:
            return target
        pair = (last.revision, target.revision)
        if pair not in memo.same:
            try:
                old = await self._deps.origin.content_key(target.source.repo_url, last.revision, built.paths)
                memo.same = {pair: old == built.content_key}
            except SourceError:
                memo.same = {pair: False}
        return replace(target, same_as=frozenset({last.revision})) if memo.same[pair] else target


def _aim(app: Application) -> tuple[ApplicationSource | None, str]:
    """Return source and revision of the sync under way, or of the one that is asked for."""
    state: OperationState | None = app.status.operation_state
    if state is not None and state.phase == "Running":
        result = state.sync_result
        return (result.source, result.revision) if result is not None else (None, "")
    sync = app.operation.sync if app.operation is not None else None
    if sync is None or not (sync.revision or sync.source):
        return None, ""
    source = sync.source or app.spec.source
    return source, sync.revision or (source.target_revision if source else "") or "HEAD"


def _scope(discovery: Discovery) -> desired.Scope:
    def scope(ref: Ref) -> bool | None:
        resource = discovery.resources.get((ref.group, ref.version, ref.kind))
        return resource.namespaced if resource is not None else None

    return scope


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
