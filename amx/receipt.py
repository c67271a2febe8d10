"""Read the receipts that the engine keeps, for `amx receipt [SHA]`.

In:  the ConfigMaps of `SELECTOR` in the engine's namespace, as kubectl or the API lists them. Out: one receipt as text
or JSON. The wording is the engine's own, so that a push and its later retelling say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from operators.gitops.receipts_model import Receipt
from operators.gitops.receipts_store import LABEL, parse_all
from operators.gitops.receipts_text import receipt_lines
from operators.kit.errors import PlatformError
from operators.kit.kube import Manifest

SELECTOR = f"{LABEL}=true"
SHORTEST = 4
"""Digits of a revision that Git, too, asks for at least."""


class NoReceipt(PlatformError):
    """There is none of this revision; the message says which there are."""


def load(config_maps: Sequence[Manifest], revision: str = "") -> Receipt:
    """Return the receipt whose revision begins with `revision`, or the newest; raises NoReceipt."""
    receipts = sorted(parse_all(config_maps), key=lambda one: one.received_at, reverse=True)
    found = [one for one in receipts if one.revision.startswith(revision.lower())]
    if len(found) > 1 and revision:
        raise NoReceipt(f"{revision} is the beginning of {_list(found)}: give more digits")
    if len(revision) in range(1, SHORTEST):
        raise NoReceipt(f"{revision}: give at least {SHORTEST} digits of the commit")
    if not found:
        raise NoReceipt(
            f"no receipt of {revision}; there are those of {_list(receipts)}"
            if receipts
            else "no receipt yet: they begin with the first push that touches an application"
        )
    return found[0]


def lines(receipt: Receipt) -> list[str]:
    """Return what a person reads: which push, and then the very lines that the push printed."""
    came_from = f" after {receipt.before[:12]}" if receipt.before.strip("0") else ""
    received = receipt.received_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    head = f"{receipt.revision[:12]}{came_from}, received {received}"
    return [head, *receipt_lines(receipt), *([] if receipt.done else ["not finished"])]


def to_json(receipt: Receipt) -> dict[str, Any]:
    """Return the form of `amx receipt --output json`: the stored one, and `ok`."""
    return {**receipt.to_json(), "ok": is_ok(receipt)}


def is_ok(receipt: Receipt) -> bool:
    """Whether it is finished and nothing failed; what a newer push superseded is no failure."""
    return receipt.done and not any(entry.failed for entry in receipt.entries.values())


def _list(receipts: Sequence[Receipt]) -> str:
    shown = ", ".join(one.revision[:12] for one in receipts[:5])
    return shown + (f" and {len(receipts) - 5} older" if len(receipts) > 5 else "")
