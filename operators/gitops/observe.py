"""Look at one Application: Git, the renderer, the live objects and the API server's opinion, frozen into `Seen`.

Trade-off: the API server is asked (by dry-run) only about objects that managedFields cannot prove equal, and never
twice about the same pair of states. Whatever fails on the way becomes a `Trouble`, which freezes all deletion.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from operators.kit.errors import ApiError, Conflict, Invalid, PlatformError, Unavailable
from operators.kit.kube import Discovery, KubeApi, Manifest, Ref

from . import desired, diff, ignore, mishaps, refusals, sync, tracking
from .live import Live
from .models import Application, ApplicationSource, IgnoreDifference, OperationState
from .options import Options
from .origin import Capabilities, NotFetchedYet, Origin
from .scrub import scrub, secret_values
from .seen import Compared, Outcome, Rules, Seen, Target, Trouble
from .sources import SourceError

_ANSWERS = 256
_AT_ONCE = 8


@dataclass(frozen=True)
class Built:
    """The desired objects of one commit, kept until something they depend on changes."""

    key: tuple[object, ...]
    target: Target
    paths: tuple[str, ...]
    content_key: str
    refs: frozenset[Ref] = frozenset()


@dataclass
class Memo:
    """What the engine remembers of an Application between looks; all of it may be lost."""

    outcomes: dict[Ref, Outcome] = field(default_factory=dict)
    applied_at: datetime | None = None
    built: Built | None = None
    syncing: Built | None = None
    failed_at: str = ""
    """The commit that could not be rendered when it was looked at last; `built` is then of an earlier one."""
    fresh: bool = False
    """Whether the next rendering starts from nothing: a hard refresh was asked for."""
    answers: OrderedDict[str, tuple[str, ...]] = field(default_factory=OrderedDict)
    """Of dry-runs: the differing fields, by the states compared."""
    due_until: float = 0.0
    """While the loop's clock is before this, a commit that touches it has come and is not rendered yet."""
    fetching: asyncio.Task[None] | None = None
    """The fetch that the refresh annotation asks for."""
    same: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Whether two commits have the same content."""


@dataclass(frozen=True)
class Deps:
    """What looking needs."""

    api: KubeApi
    live: Live
    origin: Origin
    rules: Rules
    is_application: Callable[[str], bool]
    memos: Mapping[str, Memo]
    """Of all Applications."""


class Observer:
    """Looks at Applications."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._slots = asyncio.Semaphore(_AT_ONCE)

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
        target, found = await self._compared(app, memo, target)
        troubles += found
        syncing, found = await self._compared(app, memo, syncing)
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

    async def _compared(
        self, app: Application, memo: Memo, target: Target | None
    ) -> tuple[Target | None, list[Trouble]]:
        if target is None:
            return None, []
        discovery = await self._discovery_for(target)
        look = _Look(app, memo, target, discovery, secret_values(entry.desired for entry in target.objects))
        if (unknown := _unknown(look)) is not None:
            return None, [unknown]
        try:
            results = await asyncio.gather(*(self._compare(look, entry) for entry in target.objects))
        except (ApiError, Conflict) as error:
            return None, [Trouble("ComparisonError", f"the API server does not answer: {error}")]
        return replace(target, objects=tuple(results)), []

    async def _discovery_for(self, target: Target) -> Discovery:
        """Return discovery, read anew where a wanted kind is not in it: its CRD may have come meanwhile."""
        discovery = await self._deps.api.discover()
        if all(_key(entry.ref) in discovery.resources for entry in target.objects):
            return discovery
        try:
            return await self._deps.api.discover(fresh=True)
        except (ApiError, PlatformError):
            return discovery

    async def _compare(self, look: _Look, entry: Compared) -> Compared:
        """Compare one object, asking the API server only where managedFields leave a doubt."""
        ref = entry.ref
        if _key(ref) not in look.discovery.resources:
            return replace(entry, served=False)
        live = await self._live(ref)
        rules = ignore.rules_for(look.app.spec.ignore_differences, ref)
        wanted = entry.desired
        if live is not None and rules and look.options.has("RespectIgnoreDifferences", wanted):
            wanted = ignore.with_live_values(rules, wanted, live)
        owner = tracking.owner_of(live) if live is not None else ""
        shared = owner if owner != look.app.name and self._deps.is_application(owner) else ""
        entry = replace(entry, desired=wanted, live=live, shared_with=shared)
        if live is not None and diff.is_as_desired(wanted, live):
            return replace(entry, differs=False)
        missing = self._missing_namespace(look, ref)
        if missing is not None:
            return replace(entry, refused=missing)
        return await self._ask(look, entry, rules)

    async def _live(self, ref: Ref) -> Manifest | None:
        known = self._deps.live.get(ref)
        if known is not None and known["apiVersion"] == ref.api_version:
            return known
        # Untracked, or watched in another version: there is no full copy of it here.
        return await self._deps.api.get(ref) if self._deps.live.exists(ref) else None

    def _missing_namespace(self, look: _Look, ref: Ref) -> str | None:
        """Return why an object has nowhere to go; '' where its namespace is about to be made; None where it exists."""
        if not ref.namespace or self._deps.live.namespace(ref.namespace) is not None:
            return None
        is_made = look.options.has("CreateNamespace") and ref.namespace == look.app.spec.destination.namespace
        if is_made or any(entry.ref == Ref("", "Namespace", "", ref.namespace) for entry in look.target.objects):
            return ""
        return f"namespace {ref.namespace} does not exist; add CreateNamespace=true to spec.syncPolicy.syncOptions"

    async def _ask(self, look: _Look, entry: Compared, rules: tuple[IgnoreDifference, ...]) -> Compared:
        """Ask the API server what an apply would result in."""
        validate = look.options.has("Validate", entry.desired, default=True)
        asked = [[rule.wire() for rule in rules], validate]
        question = _digest(entry.desired, diff.comparable(entry.live) if entry.live else None, asked)
        fields = look.memo.answers.get(question)
        if fields is None:
            try:
                async with self._slots:
                    predicted = await self._deps.api.apply(
                        entry.desired, field_manager=diff.MANAGER, force=True, dry_run=True, validate=validate
                    )
            except Unavailable:
                raise
            except (ApiError, Conflict) as error:
                return replace(entry, refused=scrub(str(error), entry.desired, look.secrets))
            fields = _differing(predicted, entry.live, rules)
            if entry.live is not None:
                look.memo.answers[question] = fields
                while len(look.memo.answers) > _ANSWERS:
                    look.memo.answers.popitem(last=False)
        return replace(entry, differs=entry.live is None or bool(fields), fields=fields)


@dataclass(frozen=True)
class _Look:
    """One comparison: what all of its objects share."""

    app: Application
    memo: Memo
    target: Target
    discovery: Discovery
    secrets: frozenset[str]

    @property
    def options(self) -> Options:
        """The sync options in force."""
        policy = self.app.spec.sync_policy
        operation = self.app.operation
        state = self.app.status.operation_state
        if state is not None and state.phase == "Running":
            operation = state.operation
        asked = operation.sync.sync_options if operation is not None and operation.sync is not None else ()
        return Options.of(policy.sync_options if policy else (), asked)


def _unknown(look: _Look) -> Trouble | None:
    """Return the trouble of a kind that is missing in incomplete discovery: whether it is served cannot be known."""
    if look.discovery.complete:
        return None
    for entry in look.target.objects:
        waits = look.options.has("SkipDryRunOnMissingResource", entry.desired) or any(
            sync.defines(other.desired, entry.ref) for other in look.target.objects
        )
        if _key(entry.ref) not in look.discovery.resources and not waits:
            text = f"the API server does not say whether it serves {entry.ref.api_version} {entry.ref.kind} now"
            return Trouble("ComparisonError", f"{text}: an API that it aggregates does not answer")
    return None


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


def _differing(predicted: Manifest, live: Manifest | None, rules: tuple[IgnoreDifference, ...]) -> tuple[str, ...]:
    if live is None:
        return ()
    one = ignore.without_ignored(rules, predicted, live)
    other = ignore.without_ignored(rules, live, live)
    return diff.differences(one, other)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(*values: object) -> str:
    return hashlib.blake2b(_text(values).encode(), digest_size=16).hexdigest()
