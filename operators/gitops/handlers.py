"""Wire Applications to the engine: nothing is decided here.

kopf only watches: no finalizer, no annotation and no event of its own, because Argo CD must be able to take the
Applications over as they are.
"""

from __future__ import annotations

from typing import Any

import kopf

from .engine import Engine
from .models import GROUP, PLURAL, VERSION
from .witness import Witness


def register(registry: kopf.OperatorRegistry, engine: Engine, witness: Witness) -> None:
    """Send every event of an Application to the engine, and to the witness that none is missing."""

    @kopf.on.login(registry=registry, retries=3)
    async def log_in(**fields: Any) -> kopf.ConnectionInfo | None:
        """Log in by the pod's service account or kubectl's kubeconfig."""
        return kopf.login_with_service_account(**fields) or kopf.login_with_kubeconfig(**fields)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def seen(event: Any, **_: Any) -> None:
        """Take in one event; `type` is None while kopf lists."""
        manifest = dict(event["object"])
        if event["type"] == "DELETED":
            witness.heard_gone(manifest["metadata"]["name"])
            engine.roster.drop(manifest["metadata"]["name"])
        else:
            witness.heard(manifest)
            engine.roster.see(manifest)


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings: watch, and nothing else."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    return chosen
