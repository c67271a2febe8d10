"""The preview under host names of its own: an HTTPRoute beside the others, which leads to the newest version. Pure.

While a release is looked at that is the candidate, otherwise stable, so that the address always answers. Nobody's
requests are divided by it: no weight is confirmed here, and drains begin when it leads elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import builders, routes
from .actions import Action, WriteRoute
from .names import preview_ref
from .removal import remove
from .situation import MATCHING, Situation
from .terms import Slot

_TO_CANDIDATE = MATCHING | {"Promoting"}


def plan_preview(at: Situation) -> Iterator[Action]:
    """Have the preview lead to the newest version; without host names there is none."""
    if not at.preview_hostnames:
        yield from remove_preview(at, "the spec names no host for it any more")
        return
    slot, live = _newest(at), at.seen.preview
    if at.seen.slot(slot).ready == 0 or at.seen.slot(slot).service is None:
        return
    port = builders.ports_of(at.canary, at.seen.apex)[0]["port"]
    manifest = routes.preview_route(at.canary, at.preview_hostnames, slot, port, live)
    if not routes.is_same(live, manifest):
        version = live["metadata"]["resourceVersion"] if live else ""
        yield WriteRoute(manifest, version, f"the preview leads to slot {slot}")


def remove_preview(at: Situation, why: str) -> Iterator[Action]:
    """Take the preview's route away."""
    yield from remove(at.canary, preview_ref(at.canary), at.seen.preview, why)


def _newest(at: Situation) -> Slot:
    return at.other_slot if at.status.phase in _TO_CANDIDATE else at.stable_slot
