"""`spec.traffic` and `spec.service`: through what a Canary's requests come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import ConfigDict, Field

from .base import Duration, Model, cel

_ONE_ROUTE = cel(
    (
        "(has(self.parentRefs) && size(self.parentRefs) > 0) != (has(self.routes) && size(self.routes) > 0)",
        "name either parentRefs, for an HTTPRoute of the Canary's own, or routes, for somebody else's",
    )
)


class ParentRef(Model):
    """A Gateway (or a listener of it) that the route hangs on."""

    group: str = "gateway.networking.k8s.io"
    kind: str = "Gateway"
    name: str = Field(min_length=1, max_length=253)
    namespace: str = ""
    """The Canary's own where empty."""
    section_name: str = ""
    """The listener; all that admit the route where empty."""


class RouteRef(Model):
    """An HTTPRoute of the same namespace that somebody else owns."""

    name: str = Field(min_length=1, max_length=253)


class Affinity(Model):
    """Whoever reached a slot goes on reaching it, by a cookie. Only with a router that can."""

    cookie: str = Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$")
    max_age: Duration | None = None
    """How long the cookie lasts; for the browser's session where absent."""


class Mirror(Model):
    """Copies of requests go to the candidate; their answers are thrown away. Only with a router that can."""

    percent: int = Field(default=100, ge=1, le=100)


class Match(Model):
    """A request by a header's or a cookie's exact value."""

    name: str = Field(min_length=1, max_length=256, pattern="^[A-Za-z0-9!#$%&'*+.^_|~-]+$")
    value: str = Field(min_length=1, max_length=512)


class Traffic(Model):
    """How requests come in, and who divides them."""

    model_config = ConfigDict(json_schema_extra=_ONE_ROUTE)

    router: Literal["traefik", "alb"] = "traefik"
    """Whose data plane divides the requests and confirms it. Refused at once is what it cannot do."""
    parent_refs: tuple[ParentRef, ...] = Field(default=(), max_length=8)
    """Gateways for an HTTPRoute of the Canary's own name, which the operator makes and keeps."""
    hostnames: tuple[str, ...] = Field(default=(), max_length=16)
    rules: tuple[dict[str, Any], ...] = Field(default=(), max_length=8)
    """Rules of that HTTPRoute without backendRefs (matches, filters, timeouts); all paths where empty."""
    routes: tuple[RouteRef, ...] = Field(default=(), max_length=8)
    """HTTPRoutes of somebody else: only the weights of their backends for the two slots are written, nothing else."""
    affinity: Affinity | None = None
    mirror: Mirror | None = None
    confirm_timeout: Duration = timedelta(minutes=2)
    """For so long a written weight may stay unconfirmed before the Canary says that it is not well."""


class ServicePort(Model):
    """A port, as in a Service."""

    name: str = ""
    port: int = Field(ge=1, le=65535)
    target_port: int | str | None = None
    """The container's port or its name; `port` where absent."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str = ""


class ServiceSpec(Model):
    """The Service of the Canary's name, which always serves stable only, and those of the slots."""

    ports: tuple[ServicePort, ...] = Field(default=(), max_length=16)
    """Those of the Service that is there already where empty; the first one is where routes lead."""
