"""The Applications there are, each as it was seen last, and what is remembered of it.

In:  events, lists, and the answers to own writes, in whatever order they come. Out: the newest state of each, and word
to whoever registered that one asks for something new or is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from operators.kit.kube import Manifest

from .memory import Memo
from .models import ApplicationSource
from .wishes import asks, is_newer


class Roster:
    """`on_change(name)` and `on_gone(name)` are called at once, from within `see` and `drop`."""

    def __init__(self, on_change: Callable[[str], None], on_gone: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._on_gone = on_gone
        self._manifests: dict[str, Manifest] = {}
        self.memos: dict[str, Memo] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._manifests

    def __bool__(self) -> bool:
        return bool(self._manifests)

    def get(self, name: str) -> Manifest | None:
        """Return an Application's newest known state."""
        return self._manifests.get(name)

    def all(self) -> dict[str, Manifest]:
        """Return all of them by name, as they are now."""
        return dict(self._manifests)

    def memo(self, name: str) -> Memo:
        """Return what is remembered of an Application, to be written to."""
        return self.memos.setdefault(name, Memo())

    def see(self, manifest: Manifest) -> None:
        """An Application was seen (again)."""
        name = manifest["metadata"]["name"]
        known = self._manifests.get(name)
        if known is not None and not is_newer(manifest, known):
            return
        self._manifests[name] = manifest
        if known is None or asks(manifest) != asks(known):
            self._on_change(name)

    def take(self, written: Manifest) -> None:
        """Take in what an own write has returned, unless something newer was told meanwhile."""
        name = written["metadata"]["name"]
        known = self._manifests.get(name)
        if known is not None and is_newer(written, known):
            self._manifests[name] = written

    def drop(self, name: str) -> None:
        """An Application does not exist any more."""
        self._manifests.pop(name, None)
        self.memos.pop(name, None)
        self._on_gone(name)

    def compare(self, listed: Iterable[Manifest], known: dict[str, Manifest]) -> None:
        """Take in a list of all that exist; `known` is what was known when it was asked for."""
        present = {manifest["metadata"]["name"]: manifest for manifest in listed}
        for name in known.keys() | present.keys():
            if self._manifests.get(name) is not known.get(name):
                continue  # an event was faster
            found = present.get(name)
            is_other = found is None or found["metadata"].get("uid") != known.get(name, found)["metadata"].get("uid")
            if name in known and is_other:
                self.drop(name)
            if found is not None:
                self.see(found)

    def sources(self, repo_url: str) -> dict[str, ApplicationSource]:
        """Return by name the sources of those Applications that are deployed from a repository."""
        found = {}
        for name, manifest in self._manifests.items():
            source = _source(manifest.get("spec"))
            if source.get("repoURL") == repo_url:
                revision = str(source.get("targetRevision") or "")
                found[name] = ApplicationSource(repo_url=repo_url, target_revision=revision)
        return found

    def repositories(self) -> set[str]:
        """Return the address of every repository that an Application is deployed from."""
        sources = (_source(manifest.get("spec")) for manifest in self._manifests.values())
        return {str(source["repoURL"]) for source in sources if source.get("repoURL")}

    def named(self) -> set[str]:
        """Return the address of every repository that an Application may need: also those of syncs asked for."""
        return {url for manifest in self._manifests.values() for url in _named(manifest)}


def _named(manifest: Manifest) -> Iterable[str]:
    state = (manifest.get("status") or {}).get("operationState") or {}
    running = state if state.get("phase") == "Running" else {}
    asked = (manifest.get("operation") or {}, running.get("operation") or {})
    holders = [manifest.get("spec"), running.get("syncResult"), *(operation.get("sync") for operation in asked)]
    return [str(url) for holder in holders if (url := _source(holder).get("repoURL"))]


def _source(holder: Any) -> dict[str, Any]:
    found = (holder or {}).get("source")
    return found if isinstance(found, dict) else {}
