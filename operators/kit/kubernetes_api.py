"""KubeApi on a real API server, over the official client's transport (`transport.py` tells why not its dynamic layer).

In: manifests and refs. Out: plain dicts as the server sent them. Paths come from what is `served`.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

from .errors import NOT_SERVED, ApiError, Conflict, Gone, NotFound, Unavailable
from .kube import Discovery, Manifest, ObjectList, Propagation, Ref, WatchEvent
from .login import default_login
from .served import INCOMPLETE, ServedKinds
from .transport import MAX_PARALLEL, Request, Transport, error_of

PAGE = 500
LIST_TIMEOUT_S = 60.0
WATCH_S = (240, 300)
# The server sends a bookmark about once a minute: two missed ones mean that the connection is dead.
WATCH_SILENCE_S = 130.0
_PATCHES = {"merge": "application/merge-patch+json", "json": "application/json-patch+json"}


class KubernetesApi:
    """The Kubernetes API; `async with await KubernetesApi.connect() as api`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._served = ServedKinds(transport)

    @classmethod
    async def connect(
        cls, kubeconfig: Path | None = None, context: str = "", parallel: int = MAX_PARALLEL
    ) -> KubernetesApi:
        """Log in by the kubeconfig, the pod's service account or kubectl's default, in this order."""
        return cls(await Transport.connect(default_login(kubeconfig, context), parallel))

    async def __aenter__(self) -> KubernetesApi:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._served.close()
        await self._transport.close()

    async def get(self, ref: Ref) -> Manifest | None:
        """As in KubeApi."""
        try:
            return await self._json("GET", await self._served.path(ref), subject=str(ref))
        except NotFound:
            return None

    async def list(
        self, group: str, version: str, kind: str, *, namespace: str = "", label_selector: str = ""
    ) -> ObjectList:
        """As in KubeApi; pages of 500, and once more without pages when they expire meanwhile."""
        collection = Ref(group, kind, namespace, "", version)
        path = await self._served.path(collection)
        query = {"labelSelector": label_selector} if label_selector else {}
        try:
            return await self._pages(path, collection, {**query, "limit": str(PAGE)})
        except Gone:
            return await self._pages(path, collection, query)

    async def apply(
        self,
        manifest: Manifest,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        validate: bool = True,
    ) -> Manifest:
        """As in KubeApi."""
        ref = Ref.of(manifest)
        query = {"fieldManager": field_manager, "fieldValidation": "Strict" if validate else "Ignore"}
        if force:
            query["force"] = "true"
        if dry_run:
            query["dryRun"] = "All"
        path = await self._served.path(ref)
        return await self._json("PATCH", path, query, manifest, "application/apply-patch+yaml", subject=str(ref))

    async def create(self, manifest: Manifest, *, field_manager: str = "") -> Manifest:
        """As in KubeApi."""
        ref = Ref.of(manifest)
        path = await self._served.path(Ref(ref.group, ref.kind, ref.namespace, "", ref.version), within=True)
        return await self._json("POST", path, _manager(field_manager), manifest, subject=str(ref))

    async def replace(self, manifest: Manifest, *, field_manager: str = "") -> Manifest:
        """As in KubeApi."""
        ref = Ref.of(manifest)
        return await self._json(
            "PUT", await self._served.path(ref), _manager(field_manager), manifest, subject=str(ref)
        )

    async def patch(
        self,
        ref: Ref,
        body: object,
        *,
        kind: Literal["merge", "json"] = "merge",
        subresource: str = "",
        field_manager: str = "",
    ) -> Manifest:
        """As in KubeApi."""
        path = await self._served.path(ref) + (f"/{subresource}" if subresource else "")
        try:
            return await self._json("PATCH", path, _manager(field_manager), body, _PATCHES[kind], subject=str(ref))
        except ApiError as error:
            if kind == "json" and error.status == 422 and _has_test(body) and "error in our request" in str(error):
                # The server does not say which operation failed; the caller guards with tests and observes again.
                raise Conflict(f"{ref}: the object is not as the patch's test expects") from error
            raise

    async def delete(
        self, ref: Ref, *, propagation: Propagation = "Background", uid: str = "", resource_version: str = ""
    ) -> bool:
        """As in KubeApi."""
        wanted = {key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value}
        body: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if wanted:
            body["preconditions"] = wanted
        deleted = await self._delete(ref, body)
        if deleted is None:
            other = await self._served.other_version(ref)
            deleted = await self._delete(other, body) if other is not None else False
        if deleted is None:
            raise Unavailable(503, NOT_SERVED, f"{ref}: no version of its kind is served at the moment")
        return deleted

    async def watch(
        self, group: str, version: str, kind: str, *, namespace: str = "", resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        """As in KubeApi; the server ends it after 4 to 5 minutes, so that not all watches return at once."""
        collection = Ref(group, kind, namespace, "", version)
        seconds = random.randint(*WATCH_S)  # noqa: S311 - spreads load, guards nothing
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        if resource_version:
            query["resourceVersion"] = resource_version
        request = Request("GET", await self._served.path(collection), query, subject=f"watch of {kind}")
        async with aclosing(self._transport.lines(request, silence_s=WATCH_SILENCE_S)) as lines:
            async for line in lines:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    code = event["object"].get("code", 500)
                    raise error_of(code, json.dumps(event["object"]).encode(), request.subject)
                yield WatchEvent(event["type"], event["object"])

    async def discover(self, *, fresh: bool = False) -> Discovery:
        """As in KubeApi; once asked for, it is kept fresh in the background until this is closed."""
        return await self._served.discover(fresh=fresh)

    async def _delete(self, ref: Ref, body: Manifest) -> bool | None:
        """Delete in this version; False where the object is gone, None where that cannot be told: not served."""
        try:
            await self._json("DELETE", await self._served.path(ref), body=body, subject=str(ref))
        except NotFound as error:
            return None if error.reason == NOT_SERVED else False
        except Unavailable as error:
            if error.reason == INCOMPLETE:
                return None
            raise
        return True

    async def _pages(self, path: str, collection: Ref, query: Mapping[str, str]) -> ObjectList:
        items: list[Manifest] = []
        token = ""
        while True:
            page_query = {**query, "continue": token} if token else query
            request = Request("GET", path, page_query, timeout_s=LIST_TIMEOUT_S, subject=f"list of {collection.kind}")
            page = (await self._transport.send(request)).json()
            # Lists of built-in kinds leave these two out of their items.
            kind = {"apiVersion": collection.api_version, "kind": collection.kind}
            items.extend({**kind, **item} for item in page.get("items") or ())
            token = page["metadata"].get("continue") or ""
            if not token:
                return ObjectList(tuple(items), page["metadata"].get("resourceVersion") or "")

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        *,
        subject: str = "",
    ) -> Manifest:
        request = Request(method, path, query or {}, body, content_type, subject=subject)
        parsed: Manifest = (await self._transport.send(request)).json()
        return parsed


def _manager(field_manager: str) -> dict[str, str]:
    return {"fieldManager": field_manager} if field_manager else {}


def _has_test(body: object) -> bool:
    return isinstance(body, list) and any(operation.get("op") == "test" for operation in body)
