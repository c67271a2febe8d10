"""Tell the story: one step after the other against the running cluster, each checked by what a user would see.

In:  the settings of a running cluster. Out: a `Result` with every step's time and the count of requests.
Trade-off: the steps depend on each other, so the first that does not do what it says ends the story; the tests run
this same code, so what the demo shows is what is tested.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amx import clone
from cluster.local import hosttools
from cluster.local.errors import MachineError
from cluster.local.progress import Progress
from cluster.local.settings import Settings

from . import releases, steps
from .checkout import Checkout
from .narrator import Narrator
from .scene import Scene, StepFailed
from .traffic import Tally, Target, Traffic

HOST = "hub-dev.localhost"
PRODUCTION = "hub-prod.localhost"
FIRST_ANSWER_TIMEOUT_S = 180.0


@dataclass(frozen=True)
class Step:
    """A step: what it is called, what it shows, and the function that does it and returns what it saw."""

    name: str
    title: str
    explanation: str
    run: Callable[[Scene], str]


STORY: tuple[Step, ...] = (
    Step("first-push", "First push", "one line of a values file is edited and pushed", steps.first_push),
    Step("change", "A change goes live", "the same again, on the clock: from push to the first answer", steps.change),
    Step("drift", "Drift is healed", "somebody edits a live object by hand", steps.heal_drift),
    Step("broken", "A broken push", "a wrong value: refused, and what runs keeps running", steps.push_broken),
    Step("rollback", "Rollback", "git revert, and nothing else", steps.roll_back),
    Step("release", "A release in steps", "production ships by a Canary: judged at every step", releases.good),
    Step("bad-release", "A bad release", "a version with errors: it comes back by itself", releases.bad),
)


@dataclass(frozen=True)
class Told:
    """How one step ended; `says` is what it saw, or why it failed."""

    name: str
    ok: bool
    seconds: float
    says: str
    failed_requests: int = 0
    """Requests that failed while it went on."""


@dataclass(frozen=True)
class Result:
    """How the story ended."""

    steps: tuple[Told, ...]
    requests: Tally = field(default_factory=Tally)
    meant: int = 0
    """Requests that met a failure of the bad release, beside those of `requests` that failed."""
    url: str = ""

    @property
    def ok(self) -> bool:
        """Whether every step did what it says and no request failed."""
        return len(self.steps) == len(STORY) and all(step.ok for step in self.steps) and not self.requests.failed


def tell(settings: Settings, narrator: Narrator, story: Sequence[Step] = STORY) -> Result:
    """Tell the story; raises MachineError when it cannot even begin."""
    target = Target(f"http://127.0.0.1:{settings.http_port}/", HOST)
    progress = Progress()
    kubectl = hosttools.ensure(settings, ["kubectl"], progress)["kubectl"]
    _wait_for_service(target, progress)
    with tempfile.TemporaryDirectory(prefix="amx-demo-") as folder, Traffic(target) as traffic:
        checkout = Checkout(clone.clone(settings, Path(folder) / "platform", progress))
        kubectl_of = _kubectl_of(kubectl, settings)
        production = Target(target.url, PRODUCTION)
        scene = Scene(checkout, traffic, narrator, kubectl_of, production, secrets.token_hex(2))
        told = tuple(perform(scene, story))
    return Result(told, scene.tally(), scene.meant, f"http://{HOST}:{settings.http_port}/")


def perform(scene: Scene, story: Sequence[Step] = STORY) -> list[Told]:
    """Do the steps in order until one does not do what it says."""
    done = list[Told]()
    for number, step in enumerate(story, start=1):
        scene.narrator.chapter(number, step.title, step.explanation)
        started, failed_before = time.monotonic(), scene.tally().failed
        try:
            says, ok = step.run(scene), True
        except (StepFailed, MachineError) as error:
            says, ok = str(error), False
        failed = scene.tally().failed - failed_before
        done.append(Told(step.name, ok, round(time.monotonic() - started, 2), says, failed))
        scene.narrator.done(says, ok=ok)
        if not ok:
            break
    return done


def _wait_for_service(target: Target, progress: Progress) -> None:
    """The story begins when the service answers: just after `amx up` it may still be starting."""
    with progress.step(f"wait until {target.host} answers"), Traffic(target) as first:
        if not first.wait_until_answered(FIRST_ANSWER_TIMEOUT_S):
            reasons = ", ".join(first.tally().reasons) or "no answer"
            raise MachineError(f"{target.host} does not answer at {target.url}: {reasons}", "look with: amx doctor")


def _kubectl_of(kubectl: Path, settings: Settings) -> tuple[str, ...]:
    return (str(kubectl), "--kubeconfig", str(settings.kubeconfig), "--namespace", steps.NAMESPACE)
