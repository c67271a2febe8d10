"""One active process by a `coordination.k8s.io/v1` Lease; losing it must end the process.

A holder renews every `retry_s` and gives up when it could not for `deadline_s`, which is before anybody else may take
over (`duration_s` after the last renewal anybody has seen). A rival's clock is never compared with ours: it is how long
the record has not changed, by our own monotonic clock, that counts, as in client-go's leader election.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .errors import ApiError, Conflict, NotFound
from .kube import KubeApi, Manifest, Ref
from .logging import get_logger
from .metrics import LEASE_HELD

_VERSION = "coordination.k8s.io/v1"


def default_identity() -> str:
    """Return who we are, unique for every process, also for one restarted in the same pod."""
    return f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """Which Lease and how patient; the times are client-go's."""

    namespace: str
    name: str
    identity: str = field(default_factory=default_identity)
    duration_s: float = 15.0
    deadline_s: float = 10.0
    retry_s: float = 2.0


class Lease:
    """`async with Lease(api, settings).held(on_lost): ...` runs the block only while the Lease is ours."""

    def __init__(self, api: KubeApi, settings: LeaseSettings) -> None:
        if not settings.retry_s < settings.deadline_s < settings.duration_s:
            raise ValueError("retry_s < deadline_s < duration_s must hold, or two processes could hold the Lease")
        self._api = api
        self._settings = settings
        self._ref = Ref("coordination.k8s.io", "Lease", settings.namespace, settings.name)
        self._log = get_logger("lease").bind(lease=str(self._ref), identity=settings.identity)
        self._held: Manifest | None = None
        self._renewed_at = 0.0
        # What a rival wrote last, and when we saw it first.
        self._seen: tuple[str, float] = ("", 0.0)

    @asynccontextmanager
    async def held(self, on_lost: Callable[[], None]) -> AsyncIterator[None]:
        """Wait for the Lease, hold it during the block, hand it back at its end.

        `on_lost` is called at most once, when it is lost on the way; it must end the process (`os._exit`), because by
        then somebody else may be at work. After it, nothing is handed back.
        """
        await self.acquire()
        renewing = asyncio.create_task(self._keep(on_lost), name=f"renew {self._ref}")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            await self.release()

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not await self._try_to_take():  # noqa: ASYNC110 - it is the API server that is polled
            await asyncio.sleep(self._settings.retry_s / 2 * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
        LEASE_HELD.labels(self._settings.name).set(1)
        self._log.info("lease acquired", action="acquire", reason="free or expired")

    async def release(self) -> None:
        """Hand the Lease back, so that a successor need not wait; failing to is no error, it expires by itself."""
        LEASE_HELD.labels(self._settings.name).set(0)
        if self._held is None:
            return
        spec = {**self._held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _time()}
        with suppress(ApiError, Conflict):
            await self._api.replace({**self._held, "spec": spec})
        self._held = None

    async def _keep(self, on_lost: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(self._settings.retry_s * random.uniform(0.8, 1.0))  # noqa: S311 - spreads load
            reason = await self._renew()
            if reason:
                self._held = None
                LEASE_HELD.labels(self._settings.name).set(0)
                self._log.error("lease lost", action="exit", reason=reason)
                on_lost()
                return

    async def _renew(self) -> str:
        """Renew once; return why the Lease is lost, or '' while it is ours (a failed renewal may be tried again)."""
        assert self._held is not None  # noqa: S101 - only the holder renews
        started = _now()
        # A process that was stopped for long must not write as if nothing had happened.
        left_s = self._renewed_at + self._settings.deadline_s - started
        if left_s <= 0:
            return f"not renewed for {self._settings.deadline_s:g} s"
        try:
            async with asyncio.timeout(left_s):
                self._held = await self._api.replace({**self._held, "spec": self._spec(self._held["spec"])})
        except (Conflict, NotFound):
            return await self._look_again()
        except (ApiError, TimeoutError) as error:
            self._log.warning("lease not renewed", action="retry", reason=str(error))
            return ""
        self._renewed_at = started
        return ""

    async def _look_again(self) -> str:
        """After a conflict: only the record tells whether somebody has taken over or has merely touched it."""
        try:
            found = await self._api.get(self._ref)
        except ApiError:
            return ""
        if found is None:
            return "the Lease was deleted"
        holder = found["spec"].get("holderIdentity")
        if holder != self._settings.identity:
            return f"taken by {holder or 'nobody'}"
        self._held = found
        return ""

    async def _try_to_take(self) -> bool:
        started = _now()
        try:
            found = await self._api.get(self._ref)
            if found is None:
                self._held = await self._api.create(self._new())
            elif self._is_free(found):
                self._held = await self._api.replace({**found, "spec": self._spec(found.get("spec") or {})})
            else:
                return False
        except Conflict:
            return False
        except ApiError as error:
            self._log.warning("lease not acquired", action="retry", reason=str(error))
            return False
        self._renewed_at = started
        return True

    def _is_free(self, found: Manifest) -> bool:
        spec = found.get("spec") or {}
        if not spec.get("holderIdentity"):
            return True
        version = str(found["metadata"]["resourceVersion"])
        if self._seen[0] != version:
            self._seen = (version, _now())
        return _now() - self._seen[1] > float(spec.get("leaseDurationSeconds") or self._settings.duration_s)

    def _new(self) -> Manifest:
        metadata = {"name": self._settings.name, "namespace": self._settings.namespace}
        return {"apiVersion": _VERSION, "kind": "Lease", "metadata": metadata, "spec": self._spec({})}

    def _spec(self, old: Manifest) -> Manifest:
        spec: dict[str, Any] = {
            **old,
            "holderIdentity": self._settings.identity,
            "leaseDurationSeconds": max(1, round(self._settings.duration_s)),
            "renewTime": _time(),
        }
        if old.get("holderIdentity") != self._settings.identity:
            spec["acquireTime"] = spec["renewTime"]
            spec["leaseTransitions"] = int(old.get("leaseTransitions") or 0) + (1 if old else 0)
        return spec


def _now() -> float:
    return asyncio.get_running_loop().time()


def _time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
