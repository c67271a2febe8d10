from __future__ import annotations

from tests.unit.gitops_sources.conftest import Bench, chart, data


async def test_a_chart_renders(bench: Bench) -> None:
    rendered = await bench.render_files(chart())
    assert data(rendered) == {"foo": "chart"}
