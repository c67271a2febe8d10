"""What the API server serves, and under which paths: aggregated discovery, cached, and read again for an unknown kind.

In:  refs. Out: paths, or an error that tells a kind that is not there from one that cannot be told.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from . import discovery
from .errors import NOT_SERVED, ApiError, Conflict, NotFound, Unavailable
from .kube import Discovery, Manifest, Ref, Resource
from .transport import Request, Transport

INCOMPLETE = "DiscoveryIncomplete"
# A group may stop to answer, or answer again, without any event: what is served is asked this often, by the clock, so
# that no caller waits for it. An answer that could not be renewed is good for three such times.
DISCOVERY_KEEP_S = 30.0
INCOMPLETE_KEEP_S = 3.0
STALE_TIMES = 3


class ServedKinds:
    """The kinds of one API server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._discovery: Discovery | None = None
        self._documents: dict[str, tuple[str, Manifest]] = {}
        self._discovering = asyncio.Lock()
        self._discovered_at = 0.0
        self._renewal: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End the renewal."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    async def discover(self, *, fresh: bool = False) -> Discovery:
        """Return what is served; once asked for, it is kept fresh in the background until this is closed."""
        now = asyncio.get_running_loop().time()
        if not fresh and self._discovery is not None and now - self._discovered_at <= STALE_TIMES * self._keep_s:
            return self._discovery
        found = await self._discover(now)
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._keep_renewing(), name="discovery")
        return found

    @property
    def _keep_s(self) -> float:
        return DISCOVERY_KEEP_S if self._discovery is not None and self._discovery.complete else INCOMPLETE_KEEP_S

    async def _keep_renewing(self) -> None:
        while True:
            age_s = asyncio.get_running_loop().time() - self._discovered_at
            await asyncio.sleep(max(self._keep_s - age_s, min(self._keep_s, INCOMPLETE_KEEP_S)))
            now = asyncio.get_running_loop().time()
            if now - self._discovered_at >= self._keep_s:
                with suppress(ApiError, Conflict):  # who needs it when it is too old is told
                    await self._discover(now)

    async def _discover(self, called_at: float) -> Discovery:
        """Ask; unchanged documents are not sent again (ETag), so asking every half minute costs little."""
        async with self._discovering:
            # Whoever waited here while another asked takes that answer.
            if self._discovery is not None and self._discovered_at >= called_at:
                return self._discovery
            started_at = asyncio.get_running_loop().time()
            version, *documents = await asyncio.gather(self._version(), self._document("/api"), self._document("/apis"))
            self._discovery = discovery.parse(version, documents)
            self._discovered_at = started_at
            return self._discovery

    async def _version(self) -> str:
        answer = await self._transport.send(Request("GET", "/version", subject="version"))
        return str(answer.json()["gitVersion"])

    async def _document(self, path: str) -> Manifest:
        etag, kept = self._documents.get(path, ("", {}))
        headers = {"Accept": discovery.ACCEPT, **({"If-None-Match": etag} if etag else {})}
        answer = await self._transport.send(Request("GET", path, headers=headers, subject="discovery"))
        if answer.status == 304:
            return kept
        document: Manifest = answer.json()
        if document.get("kind") != "APIGroupDiscoveryList":
            raise ApiError(
                406, "NotAcceptable", "the API server has no aggregated discovery (Kubernetes 1.30 or newer)"
            )
        self._documents[path] = (answer.headers.get("ETag", ""), document)
        return document

    async def _resource(self, ref: Ref) -> Resource:
        # A kind's plural does not change: its age does not matter here, and nobody waits for a discovery under way.
        known = self._discovery or await self.discover()
        key = (ref.group, ref.version, ref.kind)
        if key not in known.resources:
            known = await self.discover(fresh=True)
        if key in known.resources:
            return known.resources[key]
        missing = f'no matches for kind "{ref.kind}" in version "{ref.api_version}"'
        if not known.complete:
            raise Unavailable(503, INCOMPLETE, f"{missing}, but discovery is incomplete")
        raise NotFound(404, NOT_SERVED, missing)

    async def other_version(self, ref: Ref) -> Ref | None:
        """Return the object in a version that is served; None where its kind is gone, and it with its kind."""
        known = await self.discover(fresh=True)
        version = known.version_of(ref.group, ref.kind)
        if version is None and known.complete:
            return None
        if version is None or (ref.group, ref.version, ref.kind) in known.resources:
            # A group that does not answer, or discovery has not caught up with what is served.
            raise Unavailable(503, INCOMPLETE, f"{ref}: it is not known which versions of its kind are served")
        return replace(ref, version=version)

    async def path(self, ref: Ref, *, within: bool = False) -> str:
        """Return the path of an object, or of its collection where it has no name (`within`: a namespace is needed)."""
        resource = await self._resource(ref)
        base = f"/apis/{ref.group}/{ref.version}" if ref.group else f"/api/{ref.version}"
        if resource.namespaced and (ref.name or within) and not ref.namespace:
            raise ApiError(400, "BadRequest", f"{ref} has no namespace, and its kind needs one")
        if resource.namespaced and ref.namespace:
            base += f"/namespaces/{ref.namespace}"
        return f"{base}/{resource.plural}" + (f"/{ref.name}" if ref.name else "")
