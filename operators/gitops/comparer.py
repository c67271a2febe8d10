"""Compare desired objects with live ones, asking the API server only where managedFields leave a doubt.

In: a target as rendered. Out: the target with every object compared, or a `Trouble`.
Trade-off: a dry-run apply is asked for once about the same pair of states; its answer is remembered.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, replace

from operators.kit.errors import ApiError, Conflict, PlatformError, Unavailable
from operators.kit.kube import Discovery, Manifest, Ref

from . import diff, ignore, sync, tracking
from .memory import Deps, Memo
from .models import Application, IgnoreDifference
from .options import Options
from .scrub import scrub, secret_values
from .seen import Compared, Target, Trouble

_ANSWERS = 256
_AT_ONCE = 8


class Comparer:
    """Compares; at most a few questions to the API server are open at a time."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def compared(
        self, app: Application, memo: Memo, target: Target | None
    ) -> tuple[Target | None, list[Trouble]]:
        """Return the target with its objects compared, or what kept them from it."""
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


def _differing(predicted: Manifest, live: Manifest | None, rules: tuple[IgnoreDifference, ...]) -> tuple[str, ...]:
    if live is None:
        return ()
    one = ignore.without_ignored(rules, predicted, live)
    other = ignore.without_ignored(rules, live, live)
    return diff.differences(one, other)


def _digest(*values: object) -> str:
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=16).hexdigest()


def _key(ref: Ref) -> tuple[str, str, str]:
    return (ref.group, ref.version, ref.kind)
