"""Nothing is deleted while anything is in doubt, the Application says why, and afterwards the prune happens once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest

from operators.kit.kube import Ref
from operators.kit.testing.proxy import Fault
from tests.support import charts
from tests.support.engine import free_the_lease
from tests.support.git_server import Checkout
from tests.support.stage import Stage, conditions, phase_of, sync_of

QUICK_RETRY = {"limit": 20, "backoff": {"duration": "1s", "factor": 1}}
POLICY = {"automated": {"prune": True, "selfHeal": True}, "retry": QUICK_RETRY}


@pytest.fixture
async def deployed(running: Stage) -> Stage:
    """Return a stage whose Application `web` has the ConfigMaps `stays` and `goes`."""
    revision = await running.push({"web/stays.yaml": charts.config("stays"), "web/goes.yaml": charts.config("goes")})
    await running.create("web", syncPolicy=POLICY)
    await running.until_synced("web", revision)
    return running


async def nothing_is_deleted(stage: Stage) -> None:
    """The engine has looked again since, and both objects are there."""
    await stage.refreshed("web")
    assert stage.deletions() == []
    for name in ("stays", "goes"):
        assert await stage.api.get(stage.config(name)) is not None


async def pruned_once(stage: Stage, revision: str = "") -> None:
    """The Application is well again and exactly one object was deleted: the one that left Git."""
    await stage.until_synced("web", revision)
    assert stage.deletions() == [f"/api/v1/namespaces/{stage.destination}/configmaps/goes"]
    assert await stage.api.get(stage.config("stays")) is not None
    assert await stage.api.get(stage.config("goes")) is None
    assert conditions(await stage.read("web")) == {}


async def test_a_git_server_that_is_down_deletes_nothing(deployed: Stage) -> None:
    stage = deployed
    await asyncio.to_thread(stage.git.stop)
    message = await stage.until_condition("web", "ComparisonError", "Failed to connect")
    assert str(stage.git.port) in message
    assert sync_of(await stage.read("web")) == "Unknown"
    await nothing_is_deleted(stage)
    await asyncio.to_thread(stage.git.start)
    await pruned_once(stage, await stage.push({"web/goes.yaml": None}))


async def test_a_git_server_that_is_down_at_the_engines_start_deletes_nothing(deployed: Stage) -> None:
    stage = deployed
    await asyncio.to_thread(stage.engine.stop)
    shutil.rmtree(stage.engine.folder / "cache")
    revision = await stage.push({"web/goes.yaml": None})
    await asyncio.to_thread(stage.git.stop)
    stage.engine.start()
    await stage.engine.serves()
    await stage.until_condition("web", "ComparisonError", "Failed to connect")
    await nothing_is_deleted(stage)
    await asyncio.to_thread(stage.git.start)
    await pruned_once(stage, revision)


async def test_a_repository_that_was_emptied_or_lost_its_branch_deletes_nothing(deployed: Stage) -> None:
    stage = deployed
    bare = Checkout(stage.git.repository)
    head = bare.git("rev-parse", "refs/heads/main")
    bare.git("update-ref", "-d", "refs/heads/main")
    assert "main" in await stage.until_condition("web", "ComparisonError", "main")
    await nothing_is_deleted(stage)
    for folder in ("objects", "refs"):
        shutil.rmtree(stage.git.repository / folder)
    bare.git("init", "--bare", "--quiet", ".")
    await nothing_is_deleted(stage)
    assert "main" in conditions(await stage.read("web"))["ComparisonError"]
    revision = await stage.push({"web/goes.yaml": None})
    assert revision != head
    await pruned_once(stage, revision)


async def test_a_path_that_is_gone_deletes_nothing(deployed: Stage) -> None:
    stage = deployed
    await stage.push({"web": None})
    assert "web" in await stage.until_condition("web", "ComparisonError", "path|folder|does not exist")
    await nothing_is_deleted(stage)
    await pruned_once(stage, await stage.push({"web/stays.yaml": charts.config("stays")}))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            {"web/goes.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: goes}\n  bad: [indentation"},
            r"goes\.yaml",
        ),
        ({"web/Chart.yaml": charts.CHART, "web/templates/x.yaml": "{{ .Values.oops.deep }}"}, r"templates/x\.yaml"),
        ({"web/Chart.yaml": charts.CHART, "web/values.yaml": "a: [1", "web/templates/x.yaml": ""}, r"values\.yaml"),
    ],
    ids=["manifest", "template", "values"],
)
async def test_a_render_that_fails_deletes_nothing(deployed: Stage, broken: dict[str, str], said: str) -> None:
    stage = deployed
    await stage.push(broken)
    await stage.until_condition("web", "ComparisonError", said)
    assert sync_of(await stage.read("web")) == "Unknown"
    await nothing_is_deleted(stage)
    mended: dict[str, str | None] = {"web": None}
    await stage.push(mended)
    await pruned_once(stage, await stage.push({"web/stays.yaml": charts.config("stays")}))


async def test_an_empty_render_deletes_nothing_unless_that_is_allowed(deployed: Stage) -> None:
    stage = deployed
    await stage.push({"web/stays.yaml": None, "web/goes.yaml": None, "web/README.md": "nothing here\n"})
    assert "allowEmpty" in await stage.until_condition("web", "SyncError", "renders no objects")
    await nothing_is_deleted(stage)
    automated = {"prune": True, "selfHeal": True, "allowEmpty": True}
    await stage.api.patch(stage.ref("web"), {"spec": {"syncPolicy": {"automated": automated}}})
    for name in ("stays", "goes"):
        await stage.until_object(stage.config(name), lambda found: found is None, "pruned")
    await stage.until("web", lambda app: sync_of(app) == "Synced" and phase_of(app) == "Succeeded", "Synced")
    assert len(stage.deletions()) == 2


@pytest.fixture
async def broken_api_service(stage: Stage) -> AsyncIterator[Ref]:
    """Yield an aggregated API that nobody serves, so that discovery is incomplete; it is removed in any case."""
    made: dict[str, Any] = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.broken.example"},
        "spec": {
            "group": "broken.example",
            "version": "v1",
            "groupPriorityMinimum": 1,
            "versionPriority": 1,
            "service": {"name": "nobody", "namespace": stage.destination},
            "insecureSkipTLSVerify": True,
        },
    }
    ref = Ref.of(await stage.api.create(made))
    while (await stage.api.discover(fresh=True)).complete:
        await asyncio.sleep(0.1)
    yield ref
    await stage.api.delete(ref)


async def test_incomplete_discovery_deletes_nothing(stage: Stage, broken_api_service: Ref) -> None:
    stage.engine.start()
    await stage.push({"web/stays.yaml": charts.config("stays"), "web/goes.yaml": charts.config("goes")})
    await stage.create("web", syncPolicy=POLICY)
    await stage.until_synced("web")
    revision = await stage.push({"web/goes.yaml": None, "web/new.yaml": charts.config("new")})
    await stage.until_message("new", "first")
    found = await stage.until(
        "web", lambda app: "nothing is deleted" in str(conditions(app)), "a condition that says so"
    )
    assert "APIService" in str(conditions(found)), "it names what to look at"
    await nothing_is_deleted(stage)
    await stage.api.delete(broken_api_service)
    await pruned_once(stage, revision)


CONFIGMAPS = r"/configmaps[/?]"
FAULTS = {
    "apply-500": [Fault(r"/configmaps/new\?", "status", "PATCH", times=3)],
    "apply-429": [Fault(r"/configmaps/new\?", "status", "PATCH", 429, times=3)],
    "apply-reset": [Fault(r"/configmaps/new\?", "reset", "PATCH", times=3)],
    "apply-lost": [Fault(r"/configmaps/new\?(?!.*dryRun)", "lost", "PATCH", times=1)],
    "status-lost": [Fault(r"/applications/", "lost", "PATCH", times=1)],
    "status-500": [Fault(r"/applications/", "status", "PATCH", times=2)],
    "watch-cut": [Fault(r"/configmaps\?.*watch=", "cut", "GET", times=3)],
    "watch-gone": [Fault(r"/configmaps\?.*watch=", "status", "GET", 410, times=2)],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
async def test_failures_of_the_api_on_the_way_delete_nothing_but_what_left_git(
    deployed: Stage, faults: list[Fault]
) -> None:
    stage = deployed
    stage.proxy.faults += [Fault(**vars(fault)) for fault in faults]
    await pruned_once(stage, await stage.push({"web/goes.yaml": None, "web/new.yaml": charts.config("new")}))
    await stage.until_message("new", "first")


@pytest.mark.parametrize("mode", ["status"])
async def test_kinds_that_cannot_be_listed_delete_nothing(deployed: Stage, mode: Any) -> None:
    stage = deployed
    await asyncio.to_thread(stage.engine.stop)
    revision = await stage.push({"web/goes.yaml": None})
    stage.proxy.faults.append(Fault(r"/api/v1/configmaps\?", mode, "GET"))
    stage.engine.start()
    await stage.engine.serves()
    await stage.until_condition("web", "ComparisonError", "ConfigMap")
    await nothing_is_deleted(stage)
    stage.proxy.faults.clear()
    stage.proxy._release.set()
    await pruned_once(stage, revision)


@pytest.mark.parametrize("mode", ["status", "reset", "lost"])
async def test_a_deletion_that_fails_is_tried_again_and_takes_nothing_else_along(deployed: Stage, mode: Any) -> None:
    stage = deployed
    stage.proxy.faults.append(Fault("/configmaps/goes", mode, "DELETE", times=1))
    revision = await stage.push({"web/goes.yaml": None})
    await stage.until_object(stage.config("goes"), lambda found: found is None, "pruned")
    await stage.until_synced("web", revision)
    assert set(stage.deletions()) == {f"/api/v1/namespaces/{stage.destination}/configmaps/goes"}
    assert await stage.api.get(stage.config("stays")) is not None


async def test_an_api_server_out_of_reach_for_a_while_deletes_nothing(deployed: Stage) -> None:
    stage = deployed
    stage.proxy.faults.append(Fault(r"^/(?!.*leases)", "reset"))
    revision = await stage.push({"web/goes.yaml": None})
    await asyncio.sleep(3)
    assert await stage.api.get(stage.config("stays")) is not None
    stage.proxy.faults.clear()
    await stage.until_synced("web", revision)
    assert set(stage.deletions()) == {f"/api/v1/namespaces/{stage.destination}/configmaps/goes"}


async def test_an_engine_killed_and_started_again_prunes_once(deployed: Stage) -> None:
    stage = deployed
    await asyncio.to_thread(stage.engine.stop, 9)
    await free_the_lease(stage.api, stage.name)
    revision = await stage.push({"web/goes.yaml": None})
    stage.engine.start(GITOPS_KILL_AT="PruneObject:before")
    assert await stage.engine.ends() == 137
    assert stage.deletions() == []
    await free_the_lease(stage.api, stage.name)
    stage.engine.start()
    await pruned_once(stage, revision)
