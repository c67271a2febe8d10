"""The operator's settings: the one place that reads CANARY_* from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """All settings with their defaults."""

    namespace: str = "automatrix-system"
    """CANARY_NAMESPACE: where the operator and its Lease are; the pod's own where absent."""
    watch_namespaces: tuple[str, ...] = ()
    """CANARY_WATCH_NAMESPACES: where Canaries are served, by comma; everywhere where empty."""
    port: int = 8080
    """CANARY_PORT: probes, metrics."""
    log_level: str = "INFO"
    """CANARY_LOG_LEVEL."""
    gateway_namespace: str = "automatrix-gateway"
    """CANARY_GATEWAY_NAMESPACE, CANARY_GATEWAY_SELECTOR: where the gateway's pods are, and by which labels."""
    gateway_selector: str = "app.kubernetes.io/name=traefik"
    prometheus: str = "http://prometheus.automatrix-observability.svc:9090"
    """CANARY_PROMETHEUS: the platform's own; "none" where there is none."""
    aws_region: str = ""
    """CANARY_AWS_REGION: of load balancers; the default chain's where empty."""
    kill_at: str = ""
    """CANARY_KILL_AT: a test switch, see `kill`."""
    trust_gateways: bool = False
    """CANARY_TRUST_GATEWAYS: a test switch: take what a route says for what its gateway does."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment; raise ValueError naming a variable that cannot be read."""
        fields: dict[str, object] = {}
        for name, default in cls().__dict__.items():
            text = environment.get(f"CANARY_{name.upper()}", "")
            if text:
                try:
                    fields[name] = _read(text, default)
                except ValueError as error:
                    raise ValueError(f"CANARY_{name.upper()}={text!r}: {error}") from None
        if "namespace" not in fields and environment.get("POD_NAMESPACE"):
            fields["namespace"] = environment["POD_NAMESPACE"]
        if fields.get("prometheus") == "none":
            fields["prometheus"] = ""
        return cls(**fields)  # type: ignore[arg-type]


def _read(text: str, default: object) -> object:
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError("write true or false")
        return text.lower() == "true"
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return int(text) if isinstance(default, int) else text
