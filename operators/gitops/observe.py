"""Look at one Application: Git, the renderer, the live objects and the API server's opinion, frozen into `Seen`.

Whatever fails on the way becomes a `Trouble`, which freezes all deletion. Only a repository that is fetched for the
first time puts the look off: a condition about it would be wrong a moment later.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace

from operators.kit.errors import ApiError, Invalid, PlatformError
from operators.kit.kube import Discovery, Ref

from . import desired, mishaps, refusals
from .comparer import Comparer
from .memory import Built, Deps, Memo
from .models import Application, ApplicationSource, OperationState
from .origin import Capabilities, NotFetchedYet
from .seen import Compared, Seen, Target, Trouble
from .sources import SourceError


class Observer:
    """Looks at Applications."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._comparer = Comparer(deps)

    async def observe(self, app: Application, memo: Memo) -> Seen:
        """Return everything known about an Application; raises NotFetchedYet, but nothing for what is wrong with it."""
        try:
            return await self._observe(app, memo)
        except NotFetchedYet:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a repository can bring about has to be told
            trouble = mishaps.trouble("ComparisonError" if app.deleted_at is None else "DeletionError", error)
            return self._seen(app, memo, troubles=(trouble,), complete=False)

    async def _observe(self, app: Application, memo: Memo) -> Seen:
        if app.deleted_at is not None:
            return await self._ending(app, memo)
        troubles = [Trouble("InvalidSpecError", text) for text in refusals.refusals(app, self._deps.rules)]
        try:
            discovery = await self._deps.api.discover()
        except (ApiError, PlatformError) as error:
            troubles.append(Trouble("ComparisonError", f"the API server does not say what it serves: {error}"))
            return self._seen(app, memo, troubles=tuple(troubles), complete=False)
        target = syncing = None
        if not troubles:
            target, found = await self._target(app, memo, discovery)
            troubles += found
            syncing = await self._syncing(app, memo, discovery, target)
        kinds = _kinds(app, [entry for one in (target, syncing) if one for entry in one.objects])
        complete, found = await self._follow(kinds, discovery, target)
        troubles += found
        if any(trouble.condition == "ComparisonError" for trouble in found):
            target = syncing = None
        target, found = await self._comparer.compared(app, memo, target)
        troubles += found
        syncing, found = await self._comparer.compared(app, memo, syncing)
        troubles += found
        return self._seen(app, memo, target=target, syncing=syncing, troubles=tuple(troubles), complete=complete)

    def _seen(
        self,
        app: Application,
        memo: Memo,
        *,
        target: Target | None = None,
        syncing: Target | None = None,
        troubles: tuple[Trouble, ...] = (),
        complete: bool = True,
    ) -> Seen:
        tracked = self._deps.live.tracked(app.name)
        own = {entry.ref for entry in target.objects} if target is not None else set()
        claims, unsure = self._claims(app.name, [ref for live in tracked if (ref := Ref.of(live)) not in own])
        return Seen(
            target=target,
            syncing=syncing,
            tracked=tracked,
            claims=claims,
            unsure=unsure,
            namespace=self._deps.live.namespace(app.spec.destination.namespace),
            troubles=troubles,
            complete=complete,
            outcomes=tuple(memo.outcomes[ref] for ref in sorted(memo.outcomes)),
            applied_at=memo.applied_at,
            rules=self._deps.rules,
        )

    def _claims(self, name: str, extra: list[Ref]) -> tuple[dict[Ref, str], str]:
        """Return who wants objects that an Application has too many, and one of whom that is not known yet."""
        if not extra:
            return {}, ""
        others = [(other, memo) for other, memo in sorted(self._deps.memos.items()) if other != name]
        built = [(other, memo.built.refs) for other, memo in others if memo.built is not None]
        claims = {ref: other for ref in extra for other, refs in built if ref in refs}
        now = asyncio.get_running_loop().time()
        return claims, next((other for other, memo in others if memo.due_until > now), "")

    async def _ending(self, app: Application, memo: Memo) -> Seen:
        """Look at an Application that is being deleted: Git has no part in it."""
        try:
            discovery = await self._deps.api.discover()
        except (ApiError, PlatformError) as error:
            trouble = Trouble("DeletionError", f"the API server does not say what it serves: {error}")
            return self._seen(app, memo, troubles=(trouble,), complete=False)
        complete, _ = await self._follow(_kinds(app, ()), discovery, None)
        return self._seen(app, memo, complete=complete)

    # -- Git and the renderer --------------------------------------------------------------------------------------

    async def _target(self, app: Application, memo: Memo, discovery: Discovery) -> tuple[Target | None, list[Trouble]]:
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

    async def _syncing(
        self, app: Application, memo: Memo, discovery: Discovery, target: Target | None
    ) -> Target | None:
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

    # -- the cluster -----------------------------------------------------------------------------------------------

    async def _follow(
        self, kinds: set[tuple[str, str, str]], discovery: Discovery, target: Target | None
    ) -> tuple[bool, list[Trouble]]:
        """Watch the kinds; return whether all that may have objects were read, and what keeps a needed one from it."""
        served = {kind for kind in kinds if kind in discovery.resources}
        by_name = {(group, kind) for group, _, kind in discovery.resources}
        for group, _, kind in kinds - served:
            if (group, kind) in by_name:  # its objects are the same in every version
                served.add(next(key for key in sorted(discovery.resources) if key[::2] == (group, kind)))
            elif discovery.complete:
                self._deps.live.forget_kind(group, kind)
        unread = await self._deps.live.follow(sorted(served), discovery.resources.__contains__)
        needed = {(entry.ref.group, entry.ref.kind) for entry in target.objects} if target else set()
        reasons = self._deps.live.watches.refusals()
        troubles = [
            Trouble("ComparisonError", f"{kind} objects cannot be watched: {'; '.join(reasons) or 'no answer yet'}")
            for _, kind in sorted(unread & (needed | {("", "Namespace")}))
        ]
        return discovery.complete and not unread, troubles


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


def _kinds(app: Application, entries: Iterable[Compared]) -> set[tuple[str, str, str]]:
    """Return the kinds an Application has, had, or is about to have objects of."""
    known = {(entry.group or "", entry.version, entry.kind) for entry in app.status.resources}
    return known | {_key(entry.ref) for entry in entries}


def _key(ref: Ref) -> tuple[str, str, str]:
    return (ref.group, ref.version, ref.kind)


def _scope(discovery: Discovery) -> desired.Scope:
    def scope(ref: Ref) -> bool | None:
        resource = discovery.resources.get(_key(ref))
        return resource.namespaced if resource is not None else None

    return scope


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
