"""What looking needs, and what is remembered of an Application between looks; all of that may be lost."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from operators.kit.kube import KubeApi, Ref

from .live import Live
from .origin import Origin
from .seen import Outcome, Rules, Target


class Urgency(IntEnum):
    """Which look comes first where several wait; the lowest does."""

    TOUCHED = 0
    """A push changed its files: somebody waits."""
    EVENT = 5
    UNTOUCHED = 20


@dataclass(frozen=True)
class Built:
    """The desired objects of one commit, kept until something they depend on changes."""

    key: tuple[object, ...]
    target: Target
    paths: tuple[str, ...]
    content_key: str
    refs: frozenset[Ref] = frozenset()


@dataclass
class Wait:
    """A workload that is not healthy."""

    of: tuple[object, ...]
    """Its uid and generation: a new template is waited for anew."""
    since: datetime
    due: datetime
    """When its pods are asked (again)."""
    cause: str = ""
    """What they said last."""


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
    waits: dict[Ref, Wait] = field(default_factory=dict)
    """The workloads that are waited for."""


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
    now: Callable[[], datetime]
