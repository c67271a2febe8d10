"""The chapters on production, which ships by a Canary: a release in steps, and a bad one that comes back by itself.

In:  the scene; hub-prod with a Canary that rests. Out: one line on what was seen, as in `steps`. A client of its own
calls hub-prod all the while, and every turn of the release is told with what that client was answered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .checkout import Push, replace_value
from .scene import Scene, StepFailed
from .turns import Turn, told, turns_of
from .users import Heard, Users
from .watching import watching

APPLICATION = "hub-prod"
CANARY = ("canaries.automatrix.dev", "hub-api", "--namespace", "hub-prod")
PATH = "{.status.attempt}|{.status.phase}|{.status.weight.observed}|{.status.message}"
VALUES = "gitops/environments/prod/hub/values.yaml"
ERROR_RATE = "0.3"
UNFINISHED = "not finished after"
"""What a push is told that is not followed any longer."""
ANSWER_TIMEOUT_S = 60.0
RELEASE_TIMEOUT_S = 240.0
SETTLE_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Release:
    """What is pushed, and how it is to end."""

    message: str
    values: str
    subject: str
    end: str
    """The phase."""
    receipt: str
    """The word that the receipt's last line on it must say."""


@dataclass(frozen=True)
class Ended:
    """How it went."""

    seconds: float
    """From the push to the end."""
    heard: Heard


def good(scene: Scene) -> str:
    """Push a better message; it goes from step to step, and no request fails."""
    values = replace_value(scene.checkout.before_the_story(VALUES), "HUB_MESSAGE", _better(scene))
    ended = _release(scene, Release(_better(scene), values, "a better message", "Succeeded", "healthy"))
    return (
        f"all users read {_better(scene)!r}, {ended.seconds:.0f} s after the push: "
        f"{ended.heard.answers} requests, {ended.heard.failed} failed"
    )


def bad(scene: Scene) -> str:
    """Push a version that fails; it comes back by itself, and the commit is reverted so that Git says what runs."""
    message = f"Worse ({scene.run_id})"
    values = replace_value((scene.checkout.directory / VALUES).read_text(), "HUB_MESSAGE", message)
    values = replace_value(values, "HUB_ERROR_RATE", ERROR_RATE)
    ended = _release(scene, Release(message, values, f"errors: {ERROR_RATE}", "RolledBack", "failed"))
    heard = ended.heard
    if heard.first_new is None or heard.last_new is None or not heard.on_purpose:
        raise StepFailed(f"{message!r} failed nobody: it went back for something else")
    _revert(scene)
    return (
        f"back by itself {heard.last_new - heard.first_new:.1f} s after its first answer; it failed {heard.on_purpose} "
        f"of {heard.answers} requests, {heard.failed} others failed; {_better(scene)!r} serves"
    )


def _better(scene: Scene) -> str:
    return f"Better ({scene.run_id})"


def _release(scene: Scene, release: Release) -> Ended:
    """Push and follow to the end, with users; what they met is counted whatever happens."""
    scene.narrator.command(f"git commit -am '{release.subject}'   # {VALUES}")
    scene.checkout.commit(VALUES, release.values, release.subject)
    users = Users(scene.production, release.message)
    try:
        with users:
            if not users.wait_until_answered(ANSWER_TIMEOUT_S):
                raise StepFailed(f"{scene.production.host} does not answer")
            seconds = _follow(scene, release, users)
            _settle(scene, release, users)
    finally:
        scene.others += users.tally()
        scene.meant += users.heard().on_purpose
    heard = users.heard()
    if heard.failed:
        raise StepFailed(f"{heard.failed} of {heard.answers} requests failed: {dict(users.tally().reasons)}")
    return Ended(seconds, heard)


def _follow(scene: Scene, release: Release, users: Users) -> float:
    """Push, and tell every turn until the release has ended; return the seconds that took."""
    with (
        watching(scene.kubectl, CANARY, PATH, RELEASE_TIMEOUT_S) as lines,
        ThreadPoolExecutor(1) as side,
    ):
        turns = turns_of(lines)
        before = _at_rest(turns)
        scene.narrator.command("git push")
        started = time.monotonic()
        pushing = side.submit(scene.checkout.push, lambda _: None)
        last = before
        for turn in turns:
            if turn.attempt > before.attempt and not turn.is_like(last):
                last = turn
                scene.narrator.line(told(turn, time.monotonic() - started, users.heard()))
                if turn.is_end:
                    break
        seconds = time.monotonic() - started
        push = pushing.result()
    if last.phase != release.end:
        raise StepFailed(f"it did not become {release.end} but stayed {last.phase}: {last.message}")
    _check(scene, release, push)
    return seconds


def _at_rest(turns: Iterator[Turn]) -> Turn:
    """Wait until no release is under way: that of the story would not be the next one."""
    for turn in turns:
        if turn.is_end:
            return turn
    raise StepFailed(f"{APPLICATION} has no Canary that rests: see `amx canary status`")


def _check(scene: Scene, release: Release, push: Push) -> None:
    """Show what the push was told in the end; on a slow machine it may end before the release does, and says so."""
    last = push.last_of(APPLICATION)
    scene.narrator.line(f"remote: {last}")
    if release.receipt not in last and not any(UNFINISHED in line for line in push.receipt):
        raise StepFailed(f"the receipt does not say that {APPLICATION} is {release.receipt}: {push.quote()}")


def _settle(scene: Scene, release: Release, users: Users) -> None:
    """See that every answer comes from the version that is to serve now; of either release that is the better one."""
    if not users.wait_until_settled(_better(scene), SETTLE_TIMEOUT_S):
        raise StepFailed(f"{_better(scene)!r} should serve after {release.subject!r}, and it is {users.current()!r}")


def _revert(scene: Scene) -> None:
    """Take the bad commit back."""
    commit = scene.checkout.head()
    scene.narrator.command(f"git revert --no-edit {commit[:8]}")
    scene.checkout.git("revert", "--no-edit", commit)
    push = scene.push()
    if "healthy" not in push.last_of(APPLICATION):
        raise StepFailed(f"the receipt does not say that {APPLICATION} is healthy again: {push.quote()}")
