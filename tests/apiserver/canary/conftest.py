"""The API server serves Canaries and HTTPRoutes, once for all; the stories of all modules are told side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import ControlPlane
from tests.support import definitions
from tests.support.beside import Beside, side_by_side, story_of

AT_ONCE = 6
"""More than that keep two processors no busier."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the stories behind all other tests: while those run, the stories' event loop stands still."""
    items.sort(key=lambda item: story_of(item) is not None)


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def _served(kubernetes: ControlPlane) -> None:
    async with await KubernetesApi.connect(kubernetes.kubeconfig) as api:
        await definitions.serve(api, [definitions.canary(), *definitions.gateway_api([definitions.ROUTES])])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def beside(
    request: pytest.FixtureRequest, kubernetes: ControlPlane, tmp_path_factory: pytest.TempPathFactory, _served: None
) -> AsyncIterator[Beside]:
    """Begin to tell the stories of all tests that were chosen."""
    chosen = [story for item in request.session.items if (story := story_of(item)) is not None]
    folder = tmp_path_factory.mktemp("stories")
    async with side_by_side(chosen, kubernetes, folder, AT_ONCE) as telling:
        yield telling
