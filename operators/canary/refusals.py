"""What the API server refuses: told where the user looks, with the remedy, and tried again soon in mid-release.

In: an action and the API server's answer (400, 403, 422). Out: the message of the condition and of an event. Trade-off:
the same is tried again and again until somebody changes something, because nothing tells when they have.
"""

from __future__ import annotations

from operators.kit.errors import ApiError, Forbidden
from operators.kit.kube import KubeApi, Manifest
from operators.kit.loop import MOST_WAIT_S, Action

from . import actions
from .execute import emit
from .situation import SETTLED

AGAIN_S = 5.0
"""In mid-release: harm is looked for all the same."""
_REMEDIES: dict[type, str] = {
    actions.RunJob: "mend the gate's job.template",
    actions.WriteRoute: "mend spec.traffic",
    actions.PatchRoute: "mend spec.traffic.routes, or the HTTPRoute",
    actions.FillSlot: "mend the Deployment's pod template",
    actions.RestoreTemplate: "mend the Deployment",
    actions.CopyConfig: "mend what is copied, or name it in config.ignore",
    actions.ApplySlotService: "mend spec.service",
}


def remedy(action: Action, error: ApiError) -> str:
    """Say what mends it."""
    if "denied the request" in str(error) or "admission" in str(error).lower():
        return "an admission policy of the cluster says so: change what it asks for, or except this namespace"
    if "exceeded quota" in str(error):
        return "raise the namespace's quota, or ask for less"
    if isinstance(error, Forbidden):
        return "give the canary operator's ServiceAccount this right (charts/platform)"
    return _REMEDIES.get(type(action), "change what it objects to")


def message_of(action: Action, error: ApiError) -> str:
    """Return one line: what was to be done, what the API server says, what mends it."""
    said = f"the API server refuses {type(action).__name__} ({action.reason}): {str(error)[:600]}"
    return f"{said}; {remedy(action, error)}"


async def tell_refused(api: KubeApi, resource: Manifest, action: Action, error: ApiError) -> str:
    """Write the event, once for each release, and return the message."""
    message = message_of(action, error)
    await emit(api, resource, actions.Emit("Warning", "Refused", message))
    return message


def longest_wait(resource: Manifest) -> float:
    """Return how long a Canary may be left alone after failures, in seconds."""
    phase = (resource.get("status") or {}).get("phase", "Idle")
    is_settled = phase in SETTLED and "deletionTimestamp" not in resource["metadata"]
    return MOST_WAIT_S if is_settled else AGAIN_S
