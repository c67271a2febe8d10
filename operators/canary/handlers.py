"""Wire Canaries to the fleet: nothing is decided here.

kopf only watches: no finalizer, no annotation and no event of its own.
"""

from __future__ import annotations

from typing import Any

import kopf

from .fleet import Fleet
from .models import GROUP, PLURAL, VERSION
from .witness import Witness


def register(registry: kopf.OperatorRegistry, fleet: Fleet, witness: Witness) -> None:
    """Send every event of a Canary to the fleet, and to the witness that none is missing."""

    @kopf.on.login(registry=registry, retries=3)
    async def log_in(**fields: Any) -> kopf.ConnectionInfo | None:
        """Log in by the pod's service account or kubectl's kubeconfig."""
        return kopf.login_with_service_account(**fields) or kopf.login_with_kubeconfig(**fields)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def seen(event: Any, **_: Any) -> None:
        """Take in one event; `type` is None while kopf lists."""
        manifest = dict(event["object"])
        if event["type"] == "DELETED":
            witness.heard_gone(manifest)
        else:
            witness.heard(manifest)
        fleet.heard(manifest)  # its loop finds out that it is gone


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings: watch, and nothing else."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    return chosen
