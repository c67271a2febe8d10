"""The world of each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.gitops_world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Yield a world; its engine is closed afterwards."""
    made = World()
    yield made
    await made.engine.close()
