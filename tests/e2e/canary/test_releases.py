"""Releases under load through the real Gateway: no request fails that the version itself does not fail on purpose.

Stories run side by side, each on a site of its own, because most of their time is waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from operators.kit.kube import Ref
from tests.support.site import Site, Users

from .conftest import NewSite, Totals, together

Story = Callable[[Site, Users], Awaitable[None]]


@dataclass(frozen=True)
class Tale:
    """A story, and where it takes place."""

    name: str
    story: Story
    env: Mapping[str, str] = field(default_factory=dict)
    """What every version gets."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """What the Canary asks for besides the usual."""
    left: int = 2
    """How many pods there are in the end."""


async def told(new_site: NewSite, totals: Totals, tale: Tale) -> None:
    """Run a story on a site that has users from before its Canary is made until after it is gone."""
    async with new_site(tale.name, tale.env) as site:
        with site.users() as first:  # the router learns of pods a moment after they are ready: not counted
            assert await asyncio.to_thread(first.wait_until_answered, 90), first.tally().reasons
        with site.users() as users:
            await site.api.apply(site.canary_manifest(**tale.spec), field_manager="argocd-controller")
            await site.phase("Idle")
            await tale.story(site, users)
            outcomes = [past.outcome for past in (await site.canary()).status.history]
            await site.api.delete(site.ref("Canary"))
            while await site.api.get(site.ref("Canary")) is not None:
                await asyncio.sleep(0.2)
            await asyncio.sleep(5)  # what was given back serves alone now
        totals.add(users, outcomes)
        for others in site.others:
            totals.add(others, ())
        for each in (users, *site.others):
            assert each.tally().failed == 0, f"{tale.name}: {each.story}"
        deployment = await site.api.get(site.ref("Deployment"))
        assert deployment is not None
        assert deployment["status"]["availableReplicas"] == tale.left
        assert await site.api.get(site.ref("Deployment", "web-a")) is None
        assert await site.api.get(site.ref("Deployment", "web-b")) is None


async def _outcome(site: Site, **push: object) -> tuple[str, str]:
    canary = await site.released(**push)  # type: ignore[arg-type]
    past = canary.status.history[0]
    return past.outcome, past.reason


async def harmful(site: Site, users: Users) -> None:
    """A good version, errors, the same again (not tried twice), Retry, late answers, a good version."""
    assert await _outcome(site, message="good") == ("Promoted", "every step has passed")
    assert await asyncio.to_thread(users.wait_until_settled, "good", 60)
    outcome, reason = await _outcome(site, message="errors", HUB_ERROR_RATE="0.5")
    assert outcome == "Failed", reason
    assert "errors" in reason
    assert users.on_purpose > 0
    assert await asyncio.to_thread(users.wait_until_settled, "good", 60)
    attempt = (await site.canary()).status.attempt
    await asyncio.sleep(3)
    assert (await site.canary()).status.attempt == attempt, "what has failed is not tried again by itself"
    await site.act("Retry", "again")
    assert (await site.ended(attempt + 1)).status.history[0].outcome == "Failed"
    outcome, reason = await _outcome(site, message="late", HUB_LATENCY_MS="800")
    assert outcome == "Failed", reason
    assert "latency" in reason
    assert (await _outcome(site, message="mended"))[0] == "Promoted"
    assert await asyncio.to_thread(users.wait_until_settled, "mended", 60)


async def unstartable(site: Site, users: Users) -> None:
    """Versions that never get ready: an image that is not there, a process that ends at once."""
    outcome, reason = await _outcome(site, message="x", container={"image": "docker.io/automatrix/absent:1"})
    assert outcome == "Failed", reason
    outcome, reason = await _outcome(site, message="x", container={"command": ["false"]})
    assert outcome == "Failed", reason
    assert users.messages["x"] == 0
    assert (await _outcome(site, message="starts"))[0] == "Promoted"


async def in_a_hurry(site: Site, users: Users) -> None:
    """Two pushes at once, a change of config alone, back to the revision before in mid-release and after it."""
    await site.push("passing")
    await site.phase("Preparing")
    assert (await _outcome(site, message="newest"))[0] == "Promoted"
    assert users.messages["passing"] == 0, "the first push was overtaken before it was shown to anybody"
    settings = Ref("", "ConfigMap", site.namespace, "settings")
    attempt = (await site.canary()).status.attempt
    await site.api.patch(settings, {"data": {"HUB_ENVIRONMENT": "changed"}})
    assert (await site.ended(attempt + 1)).status.history[0].outcome == "Promoted"
    await site.push("not wanted after all")
    await site.phase("Analysing")
    await site.push("newest")
    returned = await site.until("returned", lambda canary: canary.status.history[0].outcome == "Returned")
    assert returned.status.stable is not None
    assert await asyncio.to_thread(users.wait_until_settled, "newest", 60)


async def aborted(site: Site, users: Users) -> None:
    """Aborted at every step."""
    for step in (1, 2):
        attempt = (await site.canary()).status.attempt
        await site.push(f"step {step}")
        await site.at_step(step)
        await site.act("Abort", f"abort-{step}")
        assert (await site.ended(attempt + 1)).status.history[0].outcome == "Aborted"
        assert await asyncio.to_thread(users.wait_until_settled, "first", 60)


async def blue_green(site: Site, users: Users) -> None:
    """Seen under a host of its own, switched at once when it is known to be fine, and back within the window."""
    host = f"next-{site.host}"
    await site.api.patch(site.ref("Canary"), {"spec": {"blueGreen": {"previewHostnames": [host]}}})
    with site.users(host=host) as early:  # before the router knows the host: not counted
        assert await asyncio.to_thread(early.wait_until_settled, "first", 60)
    with site.users(host=host) as preview:
        site.others.append(preview)
        await site.push("green")
        assert await asyncio.to_thread(preview.wait_until_settled, "green", 60)
        assert users.messages["green"] == 0, "users see nothing of it yet"
        await site.act("Promote", "fine")
    assert (await site.ended(1)).status.history[0].outcome == "Promoted"
    assert await asyncio.to_thread(users.wait_until_settled, "green", 60)
    attempt = (await site.canary()).status.attempt
    await site.push("first")
    assert (await site.ended(attempt + 1)).status.history[0].outcome == "Promoted"
    assert await asyncio.to_thread(users.wait_until_settled, "first", 60)


async def test_no_request_fails_whatever_becomes_of_a_release(new_site: NewSite, totals: Totals) -> None:
    preview = {"name": "X-Preview", "value": "yes"}
    at_once: dict[str, Any] = {"strategy": "blueGreen", "steps": None, "blueGreen": {"preview": preview, "hold": "60s"}}
    slowly = [{"weight": 30, "hold": "20s"}, {"weight": 60, "hold": "30s"}]
    await together(
        *(
            told(new_site, totals, tale)
            for tale in (
                Tale("harmful", harmful),
                Tale("unstartable", unstartable, spec={"progressDeadline": "15s"}),
                Tale("hurry", in_a_hurry),
                Tale("aborted", aborted, spec={"steps": slowly}),
                # Nobody looks at the preview here, so nothing is counted that could be judged.
                Tale("bluegreen", blue_green, spec={**at_once, "analysis": None, "rollbackWindow": "60s"}),
            )
        )
    )
