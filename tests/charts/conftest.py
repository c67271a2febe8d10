"""Helm, and the charts by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.helm import CHARTS, ROOT, Chart, Helm, Manifest, Values


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm()


@pytest.fixture(params=CHARTS, ids=lambda chart: chart.name)
def chart(request: pytest.FixtureRequest) -> Chart:
    found: Chart = request.param
    return found


@pytest.fixture(scope="session")
def render(helm: Helm) -> Callable[..., dict[str, Manifest]]:
    """Render a chart by its name in charts/ into its objects by `Kind/name`."""

    def rendered(name: str, values: Values, *, release: str = "hub") -> dict[str, Manifest]:
        objects = helm.template(ROOT / "charts" / name, values, release)
        return {f"{one['kind']}/{one['metadata']['name']}": one for one in objects}

    return rendered
