"""What an attacker or an accident would try, which controls stand against it, and what remains.

In:  assessments. Out: rows of the security assessment. Which controls hold is counted; the threats are thought of here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.controls import Assessment


@dataclass(frozen=True, slots=True)
class Threat:
    """A way to do harm."""

    says: str
    controls: tuple[int, ...]
    """Numbers of the catalogue."""
    remains: str


THREATS = (
    Threat("a stranger reaches a store or the cluster's API from the internet", (5, 6, 12, 14, 40, 53, 60),
           "what CloudFront and the load balancer let through: the API itself, behind tokens and, but in dev, a "
           "firewall that takes requests of our edge alone"),
    Threat("a pod is taken over and moves on", (4, 20, 21, 24, 27, 28, 30, 45),
           "what its own role reaches (page *Reach*), and any address by HTTPS: no filter by name"),
    Threat("credentials of a person or workflow are stolen", (19, 29, 31, 32, 33, 34, 62),
           "the deploying role has PowerUserAccess under a boundary (waived until the trail has shown what it needs)"),
    Threat("a malicious image or dependency", (23, 28, 61, 65),
           "scans find what is known; signatures of images are not checked yet"),
    Threat("data is read at rest, in a copy or in a log", (16, 22, 39, 41, 50, 51, 66, 68),
           "what services write to logs is theirs to judge; `retention` says how long it stays"),
    Threat("data is deleted or encrypted, on purpose or not", (37, 42, 44, 68, 69),
           "hours when the whole account is lost, minutes else: page *Recovery* has both for each failure"),
    Threat("nobody notices", (2, 17, 46, 54, 62, 63, 64, 67),
           "dev and staging have no GuardDuty and no pager; a trail they have"),
    Threat("data leaves the Regions it may be in", (70, 71), "what model providers outside of AWS are sent: contracts"),
)  # fmt: skip


def rows(assessments: Sequence[Assessment]) -> list[list[str]]:
    """Return threat, controls, how many hold in each environment, and what remains."""
    return [
        [one.says, ", ".join(map(str, one.controls)), *(_held(one, each) for each in assessments), one.remains]
        for one in THREATS
    ]


def _held(threat: Threat, assessment: Assessment) -> str:
    found = [one.status for one in assessment.results if one.control.id in threat.controls]
    judged = [status for status in found if status != "not evaluated"]
    held = sum(status in ("passed", "not applicable") for status in judged)
    waived = judged.count("waived")
    return f"{held}/{len(judged)}{f' · {waived} waived' if waived else ''}"
