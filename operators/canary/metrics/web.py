"""A JSON hook: somebody's own service says how many there were and how many of them bad.

In: a URL with `{{slot}}` and the like in it, asked once for each slot, or one that answers for both. Out: counters by
slot, by paths into the JSON (`data.0.errors`; `{{slot}}` may stand in a path). Bounded in time and size, signed where
there is a key.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

from operators.canary.signing import HEADER, signature
from operators.canary.terms import SLOTS, Counts, Reading, Sample, Slot

from . import Outage, Target, look
from .bounded import Ask, Http
from .prometheus import fill

MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Hook:
    """What is asked and where in the answer it stands; `total` is '' for a gauge."""

    url: str
    events: str = "{{slot}}.events"
    total: str = "{{slot}}.total"
    timeout_s: float = 5.0
    key: bytes = field(default=b"", repr=False)
    """Signs the URL's path and query: `X-Signature-256: sha256=<HMAC>`."""


class WebHook:
    """One metric of one Canary."""

    def __init__(self, metric: str, hook: Hook, http: Http) -> None:
        self._metric = metric
        self._hook = hook
        self._http = http

    async def read(self, target: Target) -> Sample:
        """As in Provider."""
        return await look(self._metric, target, self._read)

    async def _read(self, target: Target) -> tuple[Reading, ...]:
        urls = [fill(self._hook.url, target, slot) for slot in SLOTS]
        asked = sorted(set(urls))
        answers = dict(zip(asked, await asyncio.gather(*map(self._ask, asked)), strict=True))
        return tuple(
            Reading("web", slot, self._counts(answers[url], target, slot))
            for slot, url in zip(SLOTS, urls, strict=True)
        )

    async def _ask(self, url: str) -> Any:
        headers = {"Accept": "application/json"}
        if self._hook.key:
            signed = "/" + url.partition("://")[2].partition("/")[2]
            headers[HEADER] = signature(self._hook.key, signed.encode())
        ask = Ask(url, headers=headers, timeout_s=min(self._hook.timeout_s, 30.0), max_bytes=MAX_BYTES)
        return await self._http.json(ask)

    def _counts(self, answer: Any, target: Target, slot: Slot) -> Counts:
        events = number_at(answer, fill(self._hook.events, target, slot))
        if not self._hook.total:
            return Counts(events, 1.0)
        total = number_at(answer, fill(self._hook.total, target, slot))
        if events < 0 or total < events:
            raise Outage(f"{events:g} bad of {total:g} cannot be")
        return Counts(events, total)


def number_at(answer: Any, path: str) -> float:
    """Return the number at `a.b.0.c`; raises Outage where there is none."""
    found = answer
    for part in path.split("."):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise Outage(f"the answer has no {path}")
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise Outage(f"{path} is no number")
    return float(found)
