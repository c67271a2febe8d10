"""What every step of the story works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from .checkout import Checkout, Push
from .narrator import Narrator
from .traffic import Tally, Target, Traffic


class StepFailed(Exception):
    """A step did not do what it says; the message tells what was seen instead."""


@dataclass
class Scene:
    """The clone, the client, and what earlier steps left for later ones."""

    checkout: Checkout
    traffic: Traffic
    narrator: Narrator
    kubectl: tuple[str, ...]
    """The command with its kubeconfig and namespace; a namespace that is named after it counts instead."""
    production: Target
    """Where hub-prod answers."""
    run_id: str
    """Makes the messages of this run differ from those of any other."""
    first_message: str = ""
    commits: list[str] = field(default_factory=list)
    """What the rollback takes back, newest last."""
    others: Tally = field(default_factory=Tally)
    """Requests of clients that were there for one step."""
    meant: int = 0
    """Requests that met a failure of a version that fails on purpose."""

    def tally(self) -> Tally:
        """Return the counts of all clients so far."""
        return self.traffic.tally() + self.others

    def push(self) -> Push:
        """Push and pass the receipt on."""
        self.narrator.command("git push")
        return self.checkout.push(self.narrator.line)
