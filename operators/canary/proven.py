"""What a Deployment gets when its Canary goes: what has proven to work, and no version else. Pure."""

from __future__ import annotations

from copy import deepcopy

from operators.kit.kube import Manifest

from .configs import copy_name, with_copies
from .seen import CANARY_LABEL, SLOT_LABEL
from .situation import Situation
from .subset import covers


def proven(at: Situation, template: Manifest) -> Manifest | None:
    """The Deployment with stable's pod template, where its own revision is another one; None where it is as good.

    It refers to the ConfigMaps and Secrets themselves again where they are what stable's copies are; where they have
    changed since, to the copies.
    """
    stable, deployment = at.status.stable, at.stable.deployment
    if stable is None or deployment is None or at.seen.revision == stable.hash:
        return None
    today = {(one.kind, copy_name(at.canary.name, one)) for one in at.seen.configs if one.copied and one.hash}
    originals = {(str(made.kind), made.name): made.of for made in at.status.copies if (made.kind, made.name) in today}
    pods = with_copies(deployment["spec"]["template"], originals)
    for label in (CANARY_LABEL, SLOT_LABEL):
        pods["metadata"]["labels"].pop(label, None)
    if covers(template["spec"]["template"], pods):
        return None
    restored = deepcopy(template)
    restored["metadata"].pop("managedFields", None)
    restored["spec"] = {**restored["spec"], "template": pods, "replicas": at.replicas}
    return restored
