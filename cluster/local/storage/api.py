"""Requests of the provisioner to the Kubernetes API, in plain dicts.

The official client does addresses, credentials and certificates. Its typed calls are passed over: four kinds in raw
form are less to read, and one memory-heavy model layer less on every node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

Manifest = dict[str, Any]
PATCH = "application/merge-patch+json"
FAILURES = (ApiException, urllib3.exceptions.HTTPError)
STALE_S = 70
"""A watch that says nothing for this long is opened anew: a dead connection and a quiet cluster look alike."""


class Api:
    """The API server, as this pod's service account sees it."""

    def __init__(self) -> None:
        config.load_incluster_config()
        self._client = client.ApiClient()

    def get(self, path: str, **query: str) -> Manifest:
        """Read one object or a list."""
        answer: Manifest = json.loads(self._call("GET", path, query=query).data)
        return answer

    def find(self, path: str) -> Manifest | None:
        """Read one object, or None when there is none."""
        try:
            return self.get(path)
        except ApiException as failure:
            if failure.status == 404:
                return None
            raise

    def create(self, path: str, body: Manifest) -> bool:
        """Create an object; False when it exists already."""
        try:
            self._call("POST", path, body)
        except ApiException as failure:
            if failure.status == 409:
                return False
            raise
        return True

    def patch(self, path: str, body: Manifest) -> bool:
        """Merge `body` into an object; False when it is gone."""
        return self._unless_gone("PATCH", path, body)

    def delete(self, path: str) -> bool:
        """Delete an object; False when it is gone."""
        return self._unless_gone("DELETE", path)

    def watch(self, path: str, **query: str) -> Iterator[Manifest]:
        """Yield the events of one connection; ends when the server closes it, raises what the transport raises."""
        query |= {"watch": "true", "timeoutSeconds": "300", "allowWatchBookmarks": "true"}
        response = self._call("GET", path, query=query, timeout=(10, STALE_S))
        pending = b""
        for chunk in response.stream(amt=None):
            *lines, pending = (pending + chunk).split(b"\n")
            yield from (json.loads(line) for line in lines if line)

    def _unless_gone(self, method: str, path: str, body: Manifest | None = None) -> bool:
        try:
            self._call(method, path, body)
        except ApiException as failure:
            if failure.status == 404:
                return False
            raise
        return True

    def _call(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        query: dict[str, str] | None = None,
        timeout: float | tuple[float, float] = 15,
    ) -> Any:
        content = PATCH if method == "PATCH" else "application/json"
        request = self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Content-Type": content, "Accept": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = self._client.call_api(*request, _request_timeout=timeout).response
        if answer.status >= 400:
            raise ApiException(http_resp=answer)
        if "watch" not in (query or {}):
            answer.data  # noqa: B018 - read to its end, the connection goes back to the pool
        return answer
