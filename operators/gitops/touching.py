"""Which Applications of a repository a new commit touches, at the cost of about one question to Git.

In: the Applications' sources and what is remembered of them. Out: the commit that each has to go to.
This is on the way of every push, so each revision is resolved once and the paths of all are asked for together.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from .memory import Built, Memo
from .models import ApplicationSource
from .origin import Origin
from .sources import SourceError

UNKNOWN = "unknown"
"""In place of a commit: it cannot be told, so the Application has to be looked at."""


async def revisions(
    origin: Origin, sources: Mapping[str, ApplicationSource], memos: Mapping[str, Memo]
) -> dict[str, str]:
    """Return by Application of one repository the commit it has to go to; '' where its files are as they were."""
    by_target: dict[str, list[str]] = defaultdict(list)
    for name, source in sources.items():
        by_target[source.target_revision].append(name)
    found = await asyncio.gather(
        *(_at(origin, sources[names[0]], {name: memos[name] for name in names}) for names in by_target.values())
    )
    return {name: revision for one in found for name, revision in one.items()}


async def _at(origin: Origin, source: ApplicationSource, memos: Mapping[str, Memo]) -> dict[str, str]:
    """As `revisions`, for Applications that follow the same revision of the same repository."""
    try:
        revision = await origin.resolve(source.repo_url, source.target_revision)
    except SourceError:
        return dict.fromkeys(memos, UNKNOWN)
    found = {name: "" if memo.built else revision for name, memo in memos.items()}
    doubtful = {
        name: (memo.built, memo.failed_at)
        for name, memo in memos.items()
        if memo.built is not None and revision != (memo.failed_at or memo.built.target.revision)
    }
    keys = await _keys(origin, source.repo_url, revision, {name: built for name, (built, _) in doubtful.items()})
    known = {name: built.content_key for name, (built, _) in doubtful.items()}
    for failed_at in {failed_at for _, failed_at in doubtful.values()} - {""}:
        # A commit that goes back to what was built last mends what failed.
        failed = {name: built for name, (built, at) in doubtful.items() if at == failed_at}
        known |= await _keys(origin, source.repo_url, failed_at, failed)
    for name in doubtful:
        is_known = bool(keys[name] and known[name])
        found[name] = UNKNOWN if not is_known else "" if keys[name] == known[name] else revision
    return found


async def _keys(origin: Origin, repo_url: str, revision: str, built: Mapping[str, Built]) -> dict[str, str]:
    """Return the content key of each Application's paths; '' where it cannot be had."""
    names: Sequence[str] = list(built)
    if not names:
        return {}
    try:
        keys = await origin.content_keys(repo_url, revision, [built[name].paths for name in names])
    except SourceError:
        return dict.fromkeys(names, "")
    return dict(zip(names, keys, strict=True))
