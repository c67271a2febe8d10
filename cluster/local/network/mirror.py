"""Lists and watches of the Kubernetes API with nothing but the standard library.

A mirror holds the objects of one kind by namespace and name, and wakes its owner when they change. A stream
that ends is opened again from where it was; one that is too old, or an error, lists anew.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WATCH_S = 300
Objects = dict[tuple[str, str], dict[str, Any]]


class Mirror:
    """The objects of one list path (`/api/v1/pods`), kept by a thread of its own."""

    def __init__(self, path: str, changed: threading.Event) -> None:
        self._path = path
        self._changed = changed
        self._objects: Objects | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to list and watch."""
        threading.Thread(target=self._run, daemon=True, name=self._path).start()

    def objects(self) -> list[dict[str, Any]] | None:
        """What there is, in a fixed order; None before the first list."""
        with self._lock:
            return None if self._objects is None else [self._objects[key] for key in sorted(self._objects)]

    def _run(self) -> None:
        while True:
            try:
                version = self._list()
                while version:
                    version = self._watch(version)
            except (OSError, http.client.HTTPException, ValueError) as error:
                print(f"{self._path}: {error}", file=sys.stderr, flush=True)
                time.sleep(1)

    def _list(self) -> str:
        answer = json.load(_get(self._path, 30))
        with self._lock:
            self._objects = {_key(one): one for one in answer["items"]}
        self._changed.set()
        return str(answer["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> str:
        """Follow one stream to its end; the version to go on from, or "" to list anew."""
        query = f"?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_S}&resourceVersion={version}"
        for line in _get(self._path + query, WATCH_S + 30):
            event = json.loads(line)
            if event["type"] == "ERROR":
                return ""
            found = event["object"]
            version = found["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._take(event["type"], found)
        return version

    def _take(self, kind: str, found: dict[str, Any]) -> None:
        with self._lock:
            objects = self._objects if self._objects is not None else {}
            if kind == "DELETED":
                objects.pop(_key(found), None)
            else:
                objects[_key(found)] = found
        self._changed.set()


def _get(path: str, timeout_s: float) -> http.client.HTTPResponse:
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    # By its own name and not by its Service: that works only once kube-proxy does.
    host, _, port = os.environ["CONTROL_PLANE_ENDPOINT"].rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), timeout=timeout_s, context=context)
    connection.request("GET", path, headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"})
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise OSError(f"{answer.status} {answer.reason}")
    return answer


def _key(found: dict[str, Any]) -> tuple[str, str]:
    metadata = found["metadata"]
    return (metadata.get("namespace", ""), metadata["name"])
