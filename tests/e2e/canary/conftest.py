"""Sites of one's own for the stories of releases; what all of them have done is told at the end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import pytest

from cluster.local.kubectl import Kubectl
from operators.kit.kubernetes_api import KubernetesApi
from tests.e2e.conftest import Cluster
from tests.support import site as sites
from tests.support.site import Site


class NewSite(Protocol):
    """Makes a site in a namespace of its own; `env` is what each of its versions gets."""

    def __call__(self, name: str, env: Mapping[str, str] = ...) -> AbstractAsyncContextManager[Site]: ...


@dataclass
class Totals:
    """What all stories together have done."""

    releases: int = 0
    requests: int = 0
    failed: int = 0
    on_purpose: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, users: sites.Users, outcomes: Sequence[str]) -> None:
        """Take in a story's users and how its releases ended."""
        tally = users.tally()
        self.requests += tally.sent
        self.failed += tally.failed
        self.on_purpose += users.on_purpose
        self.releases += len(outcomes)
        for outcome in outcomes:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


async def together(*stories: Awaitable[None]) -> None:
    """Tell stories side by side, for most of their time is waiting; each is told to its end whatever the others do."""
    ended = await asyncio.gather(*stories, return_exceptions=True)
    failures = [one for one in ended if isinstance(one, Exception)]
    if failures:
        raise ExceptionGroup("stories that did not go as told", failures)


LEAST = 20
"""Releases that all stories together tell."""


@pytest.fixture(scope="session")
def totals(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[Totals]:
    counted = Totals()
    yield counted
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        ended = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counted.outcomes.items()))
        print(
            f"\ncanaries: {counted.releases} releases ({ended}), {counted.requests} requests, {counted.failed} failed, "
            f"{counted.on_purpose} more by versions that fail on purpose"
        )
    here = Path(__file__).parent
    ran = {item.path for item in request.session.items if item.path.parent == here}
    narrowed = pytestconfig.getoption("keyword") or pytestconfig.getoption("markexpr")
    if not narrowed and ran == set(here.glob("test_*.py")) and not request.session.testsfailed:
        assert counted.releases >= LEAST, f"{counted.releases} releases, and {LEAST} were to be told"
        assert counted.failed == 0


@pytest.fixture(scope="session")
def hub_image(kubectl: Kubectl) -> str:
    """The sample tenant's image, which answers with errors or late when told to."""
    deployments = kubectl.items("deployments", "--namespace=hub-dev")
    images = [str(one["spec"]["template"]["spec"]["containers"][0]["image"]) for one in deployments]
    return next(image for image in images if "/hub:" in image)


@pytest.fixture
async def new_site(cluster: Cluster, api: KubernetesApi, hub_image: str) -> NewSite:
    """Return what makes sites, each in a namespace of its own with `name` in it."""

    @asynccontextmanager
    async def make(name: str, env: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[Site]:
        namespace = f"canary-{name}-{uuid.uuid4().hex[:4]}"
        async with sites.site(Site(api, namespace, hub_image, cluster.settings.http_port, env)) as made:
            yield made

    return make
