"""Where counts come from: one file a provider.

In: a `Target` (whose slots, behind which Services, at what time). Out: a `terms.Sample`: counters by replica and slot,
or why there are none. A provider never raises and never guesses: what it could not read is an outage, not a zero.

kind: count    `Counts(events, total)`, counters since some start; only increments within one replica mean anything.
kind: gauge    `Counts(value, 1)`: how things are now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from operators.canary.terms import Reading, Sample, Slot
from operators.kit.errors import PlatformError
from operators.kit.logging import get_logger

_log = get_logger("canary")


@dataclass(frozen=True, slots=True)
class Target:
    """Whose metrics, and as of when."""

    namespace: str
    name: str
    """The Canary's."""
    services: Mapping[Slot, str]
    """The slots' Services."""
    port: int
    """The port of these Services that the route leads to."""
    at: datetime
    """The time of this look."""
    since: datetime | None = None
    """When the candidate was first exposed; sources that count by period add up from there."""


class Outage(Exception):
    """A source did not answer, or its answer says nothing; the message is for the user."""


class Provider(Protocol):
    """One metric of one Canary, read again and again."""

    async def read(self, target: Target) -> Sample:
        """Look once, bounded in time; never raises."""


async def look(metric: str, target: Target, read: Callable[[Target], Awaitable[tuple[Reading, ...]]]) -> Sample:
    """Turn what `read` returns, or whatever it raises, into a Sample."""
    try:
        readings = await read(target)
    except (Outage, PlatformError, TimeoutError) as error:
        return Sample(metric, target.at, outage=str(error) or "no answer in time")
    except Exception as error:  # noqa: BLE001 - a mistake in a provider must hold a release, not end the operator's loop
        _log.exception("provider failed", object=f"Canary {target.namespace}/{target.name}", metric=metric)
        return Sample(metric, target.at, outage=f"the provider failed: {type(error).__name__}: {error}")
    if not readings:
        return Sample(metric, target.at, outage="the answer holds nothing about the slots")
    return Sample(metric, target.at, readings)
