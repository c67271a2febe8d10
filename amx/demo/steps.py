"""The steps of the story. Each does one thing as a user would and checks it by HTTP, by kubectl and by the receipt.

A step returns one line on what it saw and raises `StepFailed` when that is not what it promises.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from cluster.local.commands import Command, output

from .checkout import replace_value
from .scene import Scene, StepFailed
from .watching import watching

APPLICATION = "hub-dev"
NAMESPACE = "hub-dev"
DEPLOYMENT = "deployment/hub-api"
VALUES = "gitops/environments/dev/hub/values.yaml"
LIVE_TIMEOUT_S = 120.0
SETTLE_TIMEOUT_S = 120.0
HEAL_TIMEOUT_S = 30.0
KUBECTL_TIMEOUT_S = 30.0


def first_push(scene: Scene) -> str:
    """Edit the message, push, and see it by HTTP."""
    scene.first_message = f"Hello from git push ({scene.run_id})"
    before = scene.traffic.current()
    values = scene.checkout.before_the_story(VALUES)
    seconds = _release(scene, replace_value(values, "HUB_MESSAGE", scene.first_message), "say hello")
    return f"live {seconds:.1f} s after the push began: {before!r} became {scene.first_message!r}"


def change(scene: Scene) -> str:
    """Change the message once more, against the clock."""
    message = f"Second message ({scene.run_id})"
    values = (scene.checkout.directory / VALUES).read_text()
    seconds = _release(scene, replace_value(values, "HUB_MESSAGE", message), "change the message")
    scene.commits.append(scene.checkout.head())
    return f"live {seconds:.1f} s after the push began"


def heal_drift(scene: Scene) -> str:
    """Scale the Deployment by hand, and watch it come back."""
    wanted = _replicas(scene)
    wrong = wanted + 1
    # The watch starts first: healing is faster than a second kubectl would start.
    with watching(scene.kubectl, (DEPLOYMENT,), "{.spec.replicas}", HEAL_TIMEOUT_S) as replicas:
        next(replicas, "")
        command = ("scale", DEPLOYMENT, f"--replicas={wrong}")
        scene.narrator.command(f"kubectl -n {NAMESPACE} {' '.join(command)}")
        _kubectl(scene, *command)
        healed_s = _time_to_heal(replicas, wrong, wanted)
    return f"{DEPLOYMENT} was back at {wanted} replica{'s' if wanted != 1 else ''} {healed_s:.2f} s after it was edited"


def push_broken(scene: Scene) -> str:
    """Push a value the chart refuses: the receipt says where and why, and the running version stays."""
    values = (scene.checkout.directory / VALUES).read_text()
    serving = scene.traffic.current()
    scene.checkout.commit(VALUES, replace_value(values, "replicas", "three"), "three replicas, in words")
    scene.commits.append(scene.checkout.head())
    scene.narrator.command(f"git commit -am 'replicas: three'   # {VALUES}")
    push = scene.push()
    refusal = [line for line in push.receipt if APPLICATION in line]
    if not any("failed" in line for line in refusal):
        raise StepFailed(f"the receipt does not say that {APPLICATION} failed: {push.quote()}")
    if not any("replicas" in line for line in refusal):
        raise StepFailed(f"the receipt does not say what is wrong: {push.quote()}")
    if not scene.traffic.wait_until_settled(serving, SETTLE_TIMEOUT_S):
        raise StepFailed(f"{serving!r} was serving, and now it is {scene.traffic.current()!r}")
    return f"refused in {push.seconds:.1f} s; {serving!r} is still what users read"


def roll_back(scene: Scene) -> str:
    """Revert the broken commit and the change before it: the first message is back."""
    scene.traffic.forget(scene.first_message)
    newest_first = list(reversed(scene.commits))
    scene.narrator.command("git revert --no-edit " + " ".join(commit[:8] for commit in newest_first))
    scene.checkout.git("revert", "--no-edit", *newest_first)
    seconds = _go_live(scene, scene.first_message)
    return f"{scene.first_message!r} was back {seconds:.1f} s after the push began"


def _release(scene: Scene, values: str, subject: str) -> float:
    """Commit new values, push, and return the seconds until a user read them."""
    message = next(line.strip() for line in values.splitlines() if "HUB_MESSAGE" in line)
    scene.narrator.command(f"git commit -am '{subject}'   # {message}")
    scene.checkout.commit(VALUES, values, subject)
    return _go_live(scene, message.partition(":")[2].strip())


def _go_live(scene: Scene, message: str) -> float:
    """Push; return the seconds from its start to the first answer with `message`, once every instance gives it."""
    push = scene.push()
    if not any(APPLICATION in line and "applied" in line for line in push.receipt):
        raise StepFailed(f"the receipt does not say that {APPLICATION} was applied: {push.quote()}")
    read = scene.traffic.wait_until_read(message, LIVE_TIMEOUT_S)
    if read is None:
        raise StepFailed(
            f"no answer said {message!r} within {LIVE_TIMEOUT_S:.0f} s; {scene.traffic.current()!r} serves"
        )
    if not scene.traffic.wait_until_settled(message, SETTLE_TIMEOUT_S):
        raise StepFailed(f"answers still differ after {SETTLE_TIMEOUT_S:.0f} s; {scene.traffic.current()!r} among them")
    return read - push.started


def _time_to_heal(replicas: Iterator[str], wrong: int, wanted: int) -> float:
    """Return the seconds between the edit and its correction, both as the API server told them."""
    edited: float | None = None
    for line in replicas:
        if line == str(wrong):
            edited = time.monotonic() if edited is None else edited
        elif line == str(wanted) and edited is not None:
            return time.monotonic() - edited
    raise StepFailed(f"{DEPLOYMENT} was not corrected within {HEAL_TIMEOUT_S:.0f} s")


def _replicas(scene: Scene) -> int:
    manifest: dict[str, Any] = json.loads(_kubectl(scene, "get", DEPLOYMENT, "--output", "json"))
    return int(manifest["spec"]["replicas"])


def _kubectl(scene: Scene, *arguments: str) -> str:
    return output(Command([*scene.kubectl, *arguments], title=f"kubectl {arguments[0]}"), timeout_s=KUBECTL_TIMEOUT_S)
