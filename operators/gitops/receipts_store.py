"""Receipts as ConfigMaps: `receipt-<first 12 digits>`, the newest 50 kept.

In:  receipts as they change. Out: server-side applies, one per receipt and at most one per `COALESCE_S`.
A write that fails is tried again with back-off and never troubles the loop: a receipt informs, it decides nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence

from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger

from .receipts_model import Receipt

KEPT = 50
LABEL = "automatrix.dev/receipt"
FIELD_MANAGER = "gitops-receipts"
COALESCE_S = 0.5
RETRY_MAX_S = 30.0
DATA_KEY = "receipt.json"

log = get_logger("gitops")


class ReceiptStore:
    """Writes receipts behind the loop's back."""

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._pending: dict[str, Receipt] = {}
        self._stored: dict[str, str] = {}
        """ConfigMap name → when received, for what is known to be stored."""
        self._woken = asyncio.Event()

    async def read(self) -> list[Receipt]:
        """Every stored receipt, oldest first; what cannot be read is left alone and logged."""
        found = await self._api.list("", "v1", "ConfigMap", namespace=self._namespace, label_selector=f"{LABEL}=true")
        receipts = sorted(parse_all(found.items), key=lambda one: one.received_at)
        self._stored = {name_of(one.revision): one.received_at.isoformat() for one in receipts}
        return receipts

    def save(self, receipt: Receipt) -> None:
        """Have the receipt written soon; only its newest form counts."""
        self._pending[receipt.revision] = receipt
        self._woken.set()

    async def run(self) -> None:
        """Write until cancelled, then write what is left."""
        pause_s = COALESCE_S
        try:
            while True:
                await self._woken.wait()
                await asyncio.sleep(pause_s)
                pause_s = COALESCE_S if await self.flush() else min(pause_s * 2, RETRY_MAX_S)
        finally:
            async with asyncio.timeout(2):
                await self.flush()

    async def flush(self) -> bool:
        """Write what is pending and remove what is too old; False when something is left to try again."""
        self._woken.clear()
        for receipt in list(self._pending.values()):
            try:
                await self._api.apply(config_map(receipt, self._namespace), field_manager=FIELD_MANAGER, force=True)
            except PlatformError as error:
                log.warning("a receipt could not be written", revision=receipt.revision, error=str(error))
                self._woken.set()
                return False
            self._stored[name_of(receipt.revision)] = receipt.received_at.isoformat()
            if self._pending.get(receipt.revision) is receipt:
                del self._pending[receipt.revision]
        return await self._prune()

    async def _prune(self) -> bool:
        for name in sorted(self._stored, key=lambda one: self._stored[one])[:-KEPT]:
            try:
                await self._api.delete(Ref("", "ConfigMap", self._namespace, name))
            except PlatformError as error:
                log.warning("an old receipt could not be removed", name=name, error=str(error))
                return True
            del self._stored[name]
        return True


def name_of(revision: str) -> str:
    """The ConfigMap's name."""
    return f"receipt-{revision[:12]}"


def config_map(receipt: Receipt, namespace: str) -> Manifest:
    """The manifest that holds one receipt."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name_of(receipt.revision),
            "namespace": namespace,
            "labels": {LABEL: "true", "app.kubernetes.io/managed-by": "gitops-engine"},
        },
        "data": {DATA_KEY: json.dumps(receipt.to_json(), ensure_ascii=False, separators=(",", ":"))},
    }


def parse_all(config_maps: Sequence[Manifest]) -> Iterator[Receipt]:
    """Read receipts off ConfigMaps; anything else is passed over."""
    for manifest in config_maps:
        try:
            yield Receipt.from_json(json.loads(manifest["data"][DATA_KEY]))
        except (KeyError, TypeError, ValueError, AttributeError):
            log.warning("not a receipt", name=(manifest.get("metadata") or {}).get("name"))
