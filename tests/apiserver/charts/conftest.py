"""Charts installed by Helm on an API server of their own: they bring and take what the whole cluster shares."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import KUBERNETES_VERSION, Settings
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import PROGRAMS, ControlPlane, control_plane
from tests.support.helm import ROOT, Helm


@pytest.fixture(scope="module")
def kubernetes(pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    """Start an API server for one file of tests."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        paths = binaries.ensure(Settings.from_environment(), PROGRAMS, Progress())
    with control_plane(paths, KUBERNETES_VERSION) as running:
        yield running


@pytest.fixture(scope="module")
def helm(kubernetes: ControlPlane) -> Helm:
    """Helm, with all rights on that API server."""
    return Helm({"KUBECONFIG": str(kubernetes.kubeconfig)})


@pytest.fixture
async def api(kubernetes: ControlPlane) -> AsyncIterator[KubernetesApi]:
    """Yield a client of that API server."""
    async with await KubernetesApi.connect(kubernetes.kubeconfig) as connected:
        yield connected


@pytest.fixture
def charts(tmp_path: Path) -> Path:
    """Return a copy of the charts that a test may change."""
    shutil.copytree(ROOT / "charts", tmp_path / "charts")
    return tmp_path / "charts"
