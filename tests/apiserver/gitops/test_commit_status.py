"""From a push to what the commit shows on its Git host, with the engine as a process and a real API server.

The Git host's API is a stand-in (`tests/support/git_host`): neither GitHub nor GitLab can be had here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from operators.kit.kube import Manifest, Ref
from tests.support import charts
from tests.support.git_host import GitHost, git_host
from tests.support.stage import Stage

CANARY = {
    "apiVersion": "automatrix.dev/v1alpha1",
    "kind": "Canary",
    "metadata": {"name": "web"},
    "spec": {
        "targetRef": {"name": "web"},
        "traffic": {"parentRefs": [{"name": "web"}]},
        "steps": [{"weight": 20, "hold": "30s"}],
    },
}


@pytest.fixture
async def host(stage: Stage) -> AsyncIterator[GitHost]:
    async with git_host() as served:
        served.token = stage.git.password
        yield served


async def start(stage: Stage, host: GitHost) -> None:
    stage.engine.start(
        GITOPS_COMMIT_STATUS="true",
        GITOPS_POLL_S="3600",  # pushes are announced: one that the poll finds first is told less of
        GITOPS_COMMIT_STATUS_GITLAB_URL=host.url,
        GITOPS_COMMIT_STATUS_TARGET_URL="https://example.org/{application}",
    )
    await stage.engine.serves()


async def test_a_commit_shows_what_became_of_it_once_also_over_a_restart(stage: Stage, host: GitHost) -> None:
    await start(stage, host)
    first = await stage.push({"web/a.yaml": charts.config("a")})
    name = await stage.create("web")
    context = f"gitops/{name}"
    await stage.until_synced("web", first)
    await host.until(lambda: host.states(context, first)[-1:] == ["success"], "told of the first commit")
    shown = host.shown[-1]
    assert shown.project == "platform"
    assert shown.description.startswith("rendered 1 object · 1 changed · applied")
    assert shown.target_url == f"https://example.org/{name}"

    broken = await stage.push({"web/b.yaml": "kind: ConfigMap\nmetadata: {name: [\n"})
    await host.until(lambda: host.states(context, broken)[-1:] == ["failed"], "told of the broken commit")
    assert "web/b.yaml" in host.shown[-1].description

    await asyncio.to_thread(stage.engine.stop)
    count = len(host.requests)
    await start(stage, host)
    mended = await stage.push({"web/b.yaml": None, "web/a.yaml": charts.config("a", "mended")})
    await host.until(lambda: host.states(context, mended)[-1:] == ["success"], "told of the mended commit")
    assert all(revision == mended for revision in [one.revision for one in host.shown[count:]])
    assert stage.git.password not in stage.engine.log


async def test_a_canary_that_goes_back_is_a_failed_status_with_its_reason(stage: Stage, host: GitHost) -> None:
    await start(stage, host)
    ref = Ref("automatrix.dev", "Canary", stage.destination, "web", "v1alpha1")
    await stage.create("web")
    revision = await stage.push({"web/canary.yaml": charts.manifest(CANARY)})
    found = await stage.until_object(ref, lambda canary: canary is not None, "applied")
    assert found is not None
    await stage.api.patch(ref, {"status": _went_back(found)}, subresource="status")
    await host.until(lambda: host.states(revision=revision)[-1:] == ["failed"], "told")
    assert "errors 7 % of 5 %" in host.shown[-1].description


def _went_back(canary: Manifest) -> Manifest:
    """The status that the canary operator writes then."""
    condition = {
        "type": "Stalled",
        "status": "True",
        "reason": "RolledBack",
        "message": "rolled back: errors 7 % of 5 %",
        "lastTransitionTime": "2026-01-01T12:00:00Z",
    }
    return {"observedGeneration": canary["metadata"]["generation"], "conditions": [condition]}
