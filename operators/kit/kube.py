"""What the operators need of the Kubernetes API, as a Protocol, and the values it speaks in.

In: manifests (plain dicts as the API sends them). Out: manifests, or an error of `errors.ApiError`'s family.
Trade-off: dicts instead of typed classes, because the engine handles kinds it has never heard of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Manifest = dict[str, Any]
Propagation = Literal["Foreground", "Background", "Orphan"]


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """The identity of one object; `version` is for requests only and takes no part in equality."""

    group: str
    kind: str
    namespace: str
    name: str
    version: str = field(default="v1", compare=False)

    @classmethod
    def of(cls, manifest: Manifest) -> Ref:
        """Read the identity off a manifest; a core kind has the group ''."""
        group, _, version = str(manifest.get("apiVersion", "")).rpartition("/")
        metadata = manifest.get("metadata") or {}
        return cls(
            group, str(manifest.get("kind", "")), metadata.get("namespace") or "", metadata.get("name") or "", version
        )

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        """`Deployment hub-dev/web`; `apps` and such groups are left out as in kubectl's messages."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One served kind, from discovery."""

    plural: str
    namespaced: bool
    verbs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What the API server serves; `complete` is False when a group did not answer (an APIService is down)."""

    kube_version: str
    api_versions: frozenset[str]
    """`apps/v1` and `apps/v1/Deployment`, as Helm's .Capabilities.APIVersions wants them."""
    resources: Mapping[tuple[str, str, str], Resource]
    """By (group, version, kind)."""
    complete: bool = True

    def version_of(self, group: str, kind: str) -> str | None:
        """Return the served version of a kind that the server prefers; None where it serves none."""
        found = (version for other, version, name in self.resources if (other, name) == (group, kind))
        return next(found, None)


@dataclass(frozen=True, slots=True)
class ObjectList:
    """The answer to a list: items with apiVersion and kind filled in, and where a watch continues."""

    items: tuple[Manifest, ...]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Manifest


class KubeApi(Protocol):
    """The calls the operators make. Every call is bounded in time and raises `errors.ApiError` or `errors.Conflict`."""

    async def get(self, ref: Ref) -> Manifest | None:
        """Return the object, or None where it (or its kind) does not exist."""

    async def list(
        self, group: str, version: str, kind: str, *, namespace: str = "", label_selector: str = ""
    ) -> ObjectList:
        """List one kind, in chunks; `namespace=""` is all namespaces."""

    async def apply(
        self,
        manifest: Manifest,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        validate: bool = True,
    ) -> Manifest:
        """Server-side apply (KEP-555); `dry_run`: only return what would result; `validate`: refuse unknown fields."""

    async def create(self, manifest: Manifest, *, field_manager: str = "") -> Manifest:
        """Create; raises Conflict where it exists already."""

    async def replace(self, manifest: Manifest, *, field_manager: str = "") -> Manifest:
        """Replace the whole object (PUT)."""

    async def patch(
        self,
        ref: Ref,
        body: object,
        *,
        kind: Literal["merge", "json"] = "merge",
        subresource: str = "",
        field_manager: str = "",
    ) -> Manifest:
        """Merge patch (RFC 7386) or JSON patch (RFC 6902); a failed `test` raises Conflict."""

    async def delete(
        self, ref: Ref, *, propagation: Propagation = "Background", uid: str = "", resource_version: str = ""
    ) -> bool:
        """Delete, with preconditions where given (a mismatch raises Conflict); False where it was gone already.

        A version that is not served any more is no absence: any served one of the kind is as good.
        """

    def watch(
        self, group: str, version: str, kind: str, *, namespace: str = "", resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        """One watch connection with bookmarks, until the server ends it; raises Gone when it must list again."""

    async def discover(self, *, fresh: bool = False) -> Discovery:
        """What the server serves; half a minute old, or a minute and a half where it is slow to say, unless `fresh`."""
