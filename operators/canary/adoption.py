"""A running Deployment becomes the template, and at no moment does less serve. Pure.

Slot a from the template → ready → slot Services → the Service of the Canary's name → the route, confirmed → the drain
of the template's own pods → they go.
"""

from __future__ import annotations

from .beginning import image_of
from .models import CanaryStatus, Revision
from .seen import replicas_of
from .situation import Situation
from .terms import Slot
from .turning import turn

FIRST: Slot = "a"


def adopt(at: Situation) -> CanaryStatus:
    """Return the next status of a Canary that does not serve yet."""
    status = at.status
    if at.seen.template is None or not at.seen.revision:
        return status
    fresh = Revision(slot=FIRST, hash=at.seen.revision, image=image_of(at), since=at.now)
    if status.stable is None:
        message = f"makes slot {FIRST} from Deployment {at.spec.target_ref.name}"
        return turn(at, "Adopting", message, stable=fresh, phase_since=at.now)
    if at.seen.revision != status.stable.hash and not at.is_exposed(status.stable.slot):
        return status.but(stable=fresh.but(slot=status.stable.slot))
    return _finish(at) if at.apex_serves(status.stable.slot) and at.is_confirmed(0) else status.but(quiet_since=None)


def _finish(at: Situation) -> CanaryStatus:
    status = at.status
    if status.quiet_since is None:
        return status.but(quiet_since=at.now, doing="the Deployment's own pods finish their requests")
    if replicas_of(at.seen.template) == 0:
        emptied = status.template.but(scaled_down_at=at.now)
        return turn(at, "Idle", "", template=emptied)
    return status
