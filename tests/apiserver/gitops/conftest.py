"""A stage of its own for every scenario."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.proxy import FaultProxy
from tests.support import stage as stages
from tests.support.stage import Stage

_numbers = count(1)


@pytest.fixture
async def stage(api: KubernetesApi, fault_proxy: FaultProxy, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage whose engine has not been started."""
    async with stages.stage(f"gitops-{next(_numbers)}", api, fault_proxy, tmp_path) as ready:
        yield ready


@pytest.fixture
async def running(stage: Stage) -> Stage:
    """Return a stage whose engine serves."""
    stage.engine.start()
    await stage.engine.serves()
    return stage
