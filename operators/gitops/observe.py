"""Look at one Application: its target, the live objects and the API server's opinion, frozen into `Seen`.

Whatever fails on the way becomes a `Trouble`, which freezes all deletion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from operators.kit.errors import ApiError, PlatformError
from operators.kit.kube import Discovery, Ref

from . import mishaps, refusals
from .causes import Causes
from .comparer import Comparer
from .memory import Deps, Memo
from .models import Application
from .origin import NotFetchedYet
from .seen import Compared, Seen, Target, Trouble
from .targets import Targets


class Observer:
    """Looks at Applications."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._targets = Targets(deps)
        self._comparer = Comparer(deps)
        self._causes = Causes(deps.api, deps.now)

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
            target, found = await self._targets.target(app, memo, discovery)
            troubles += found
            syncing = await self._targets.syncing(app, memo, discovery, target)
        kinds = _kinds(app, [entry for one in (target, syncing) if one for entry in one.objects])
        complete, found = await self._follow(kinds, discovery, target)
        troubles += found
        if any(trouble.condition == "ComparisonError" for trouble in found):
            target = syncing = None
        target, found = await self._comparer.compared(app, memo, target)
        troubles += found
        syncing, found = await self._comparer.compared(app, memo, syncing)
        troubles += found
        seen = self._seen(app, memo, target=target, syncing=syncing, troubles=tuple(troubles), complete=complete)
        causes, ask_again = await self._causes.ask(memo, [one for one in (target, syncing) if one])
        return replace(seen, causes=causes, ask_again=ask_again)

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


def _kinds(app: Application, entries: Iterable[Compared]) -> set[tuple[str, str, str]]:
    """Return the kinds an Application has, had, or is about to have objects of."""
    known = {(entry.group or "", entry.version, entry.kind) for entry in app.status.resources}
    return known | {(entry.ref.group, entry.ref.version, entry.ref.kind) for entry in entries}
